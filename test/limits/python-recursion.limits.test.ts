/** Recursion through CPython's C code: an exception that a program can catch, with the interpreter whole, before any stack is full. */
import { describe, expect, test } from 'vitest'
import { notebook, preparePython, python, pythonValue } from '../python.ts'
import { inEveryWay } from '../run.ts'

/** A value nested 100,000 deep. */
const nested = (empty: string, around: string) => `a = ${empty}\nfor _ in range(10 ** 5): a = ${around}\n`
const twice = (empty: string, around: string) =>
  `${nested(empty, around)}b, a = a, ${empty}\nfor _ in range(10 ** 5): a = ${around}\n`

/** What raises RecursionError. */
const RECURSIONS: Record<string, string> = {
  'repr of a list': `${nested('[]', '[a]')}repr(a)`,
  'repr of a tuple': `${nested('()', '(a,)')}repr(a)`,
  'repr of a dict': `${nested('{}', '{1: a}')}repr(a)`,
  'repr of an exception': `${nested('ValueError()', 'ValueError(a)')}repr(a)`,
  'repr of a generic type': `${nested('int', 'list[a]')}repr(a)`,
  'str of an object that asks for it': 'class A:\n  def __str__(self): return str(self)\nstr(A())',
  '== of lists': `${twice('[]', '[a]')}a == b`,
  '== of tuples': `${twice('()', '(a,)')}a == b`,
  '== of dicts': `${twice('{}', '{1: a}')}a == b`,
  '< of lists': `${twice('[]', '[a]')}a < b`,
  '== of deques': `from collections import deque\n${twice('deque()', 'deque([a])')}a == b`,
  'hash through Python': 'class A:\n  def __hash__(self): return hash((self,))\nhash(A())',
  'json.dumps of a list': `import json\n${nested('[]', '[a]')}json.dumps(a)`,
  'json.dumps of a dict': `import json\n${nested('{}', "{'a': a}")}json.dumps(a)`,
  'json.loads of lists': "import json\njson.loads('[' * 10 ** 5)",
  'json.loads of objects': 'import json\njson.loads(\'{"a":\' * 10 ** 5)',
  pickle: `import pickle\n${nested('[]', '[a]')}pickle.dumps(a)`,
  'a copy': `import copy\n${nested('[]', '[a]')}copy.deepcopy(a)`,
  'a pattern': "import re\nre.compile('(' * 10 ** 4 + ')' * 10 ** 4)",
  'compile of operators': "compile('+'.join(['1'] * 10 ** 5), '', 'eval')",
  'compile of attributes': "compile('a' + '.a' * 10 ** 5, '', 'eval')",
  'compile of calls': "compile('a' + '()' * 10 ** 5, '', 'eval')",
  'a tree of ast': `import ast
place = dict(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
n = ast.Constant(1, **place)
for _ in range(10 ** 4): n = ast.UnaryOp(ast.Not(), n, **place)
compile(ast.Expression(n), '', 'eval')`,
  isinstance: `${nested('int', '(a,)')}isinstance('', a)`,
  'an exception group': `${nested('ValueError()', "ExceptionGroup('', [a])")}a.split(ValueError)`,
  'a key function': 'def f(x): return max([x], key=f)\nf(1)',
  'a comparison in a sort': 'class A:\n  def __lt__(self, o): return sorted([self, o])[0]\nsorted([A(), A()])',
  __getattr__: "class A:\n  def __getattr__(self, name): return getattr(self, name + 'x')\nA().x",
  'an object that is its own call': 'class A: pass\nA.__call__ = A()\nA()()',
  'a function': 'def f(): return f()\nf()',
  XML: "import xml.etree.ElementTree as E\nE.tostring(E.fromstring('<a>' * 10 ** 5 + '</a>' * 10 ** 5))",
}

/** What is let go of without recursion. */
const FREED: Record<string, string> = {
  lists: 'a = []\nfor _ in range(10 ** 6): a = [a]\ndel a',
  tuples: 'a = ()\nfor _ in range(10 ** 6): a = (a,)\ndel a',
  dicts: nested('{}', '{1: a}'),
  objects: 'class A: pass\na = A()\nfor _ in range(10 ** 5):\n  b = A()\n  b.x = a\n  a = b\ndel a, b',
  closures: 'a = len\nfor _ in range(10 ** 5): a = (lambda x: lambda: x)(a)\ndel a',
  iterators: 'import itertools\na = iter([])\nfor _ in range(10 ** 5): a = itertools.chain(a, [])\ndel a',
  'frames that failed':
    'import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(n):\n  if n: f(n - 1)\n  else: 1 / 0\ntry: f(50_000)\nexcept ZeroDivisionError: pass\nsys.setrecursionlimit(1000)',
}

/** What CPython itself puts no bound to: its own process would crash. */
const UNBOUNDED: Record<string, string> = {
  'hash of tuples': `${nested('()', '(a,)')}hash(a)`,
  'an iterator of iterators': `${nested('iter([1])', 'map(int, a)')}next(a)`,
}

preparePython()

inEveryWay(() => {
  test('each recursion is a RecursionError that a program can catch, and the interpreter keeps its state', async () => {
    await notebook(async (cell) => {
      const wrong: string[] = []
      await cell('kept = ["state"]')
      for (const [name, source] of Object.entries(RECURSIONS)) {
        const { error } = await cell(source)
        if (error?.code !== 'TOKA_GUEST_ERROR' || !error.message.startsWith('RecursionError'))
          wrong.push(`${name}: ${error?.code} ${error?.message}`)
        const next = await cell('a = b = n = None\nkept[0] + str(sum(range(10)))')
        if (next.value !== 'state45') wrong.push(`after ${name}: ${next.error?.code}`)
      }
      expect(wrong).toEqual([])
    })
  }, 300_000)

  test('what is nested deeply is let go of, and the interpreter keeps its state', async () => {
    await notebook(async (cell) => {
      const wrong: string[] = []
      await cell('kept = ["state"]')
      for (const [name, source] of Object.entries(FREED)) {
        const { error } = await cell(`${source}\na = None`)
        const next = await cell('kept[0]')
        if (error || next.value !== 'state') wrong.push(`${name}: ${error?.code} ${next.error?.code}`)
      }
      expect(wrong).toEqual([])
    })
  }, 300_000)

  test('code that people write is not too deep', async () => {
    const source = `
import json, sys
def parses(text): return compile(text, '', 'eval') is not None
def depth(f):
    n, a = 0, []
    try:
        for n in range(10 ** 5):
            a = [a]
            if n % 50 == 0: f(a)
    except RecursionError: pass
    return n
calls = 0
def f(x):
    global calls
    calls += 1
    return max([x], key=f)
try: f(1)
except RecursionError: pass
[parses('[' * 90 + ']' * 90), parses('f(' * 90 + ')' * 90), parses('{1:' * 90 + '1' + '}' * 90), depth(repr) > 500,
  depth(json.dumps) > 500, calls > 100]`
    expect(await pythonValue(source)).toEqual([true, true, true, true, true, true])
  })

  test('source that is nested too deeply is said to be so, not to need memory', async () => {
    const { error } = await python("eval('-' * 10 ** 6 + '1')")
    expect(error).toMatchObject({
      code: 'TOKA_GUEST_ERROR',
      message: expect.stringMatching(/^MemoryError: Parser stack/),
    })
  })

  describe('where CPython has no bound', () => {
    test.each(Object.entries(UNBOUNDED))('%s ends the run, and the next one is right', async (_name, source) => {
      expect((await python(source)).error?.code).toBe('TOKA_LIMIT_STACK')
      expect(await pythonValue('sum(range(10))')).toBe(45)
    })
  })
})
