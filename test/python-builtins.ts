/** Expressions that sit in C code for longer than five seconds when nothing stops them, by module (test/calibrate-python.ts measured each). */

const IMPORTS = `
import array, ast, binascii, bisect, bz2, codecs, csv, datetime, decimal, functools, hashlib, heapq, io, itertools, json
import lzma, marshal, math, operator, pickle, random, re, sqlite3, struct, sys, unicodedata, zlib
import xml.etree.ElementTree as ElementTree
from collections import Counter, deque
from itertools import repeat
def forever(function, *arguments): deque(map(function, *map(repeat, arguments)), maxlen=0)
`

const BY_MODULE: Readonly<Record<string, readonly string[]>> = {
  builtins: [
    '10 ** 10 ** 8',
    'int("9" * 4000) ** 20000',
    'sum(range(10 ** 12))',
    'set(repeat(1))',
    'dict.fromkeys(repeat(1))',
    'max(repeat(1))',
    'all(repeat(1))',
    'next(filter(None, repeat(0)))',
    'dict(zip(repeat(1), repeat(2)))',
    'max(range(10 ** 12), key=int)',
    'forever(str.upper, "\\u00df" * 10 ** 6)',
    'forever(compile, "x = 1\\n" * 1000, "a", "exec")',
  ],
  itertools: [
    'deque(itertools.product(range(100), repeat=10), maxlen=0)',
    'deque(itertools.permutations(range(15)), maxlen=0)',
    'deque(itertools.combinations(range(60), 30), maxlen=0)',
    'next(itertools.islice(itertools.count(), 10 ** 9, None))',
    'next(itertools.dropwhile(bool, repeat(1)))',
    'deque(itertools.accumulate(repeat(1)), maxlen=0)',
  ],
  _collections: ['Counter(repeat("a"))', 'deque(repeat(1), maxlen=0)'],
  _functools: ['functools.reduce(int.__or__, repeat(1))'],
  _operator: ['operator.countOf(repeat(1), 2)', 'operator.indexOf(repeat(1), 2)'],
  math: [
    'math.factorial(3 * 10 ** 6)',
    'math.comb(10 ** 7, 5 * 10 ** 6)',
    'math.fsum(repeat(0.1))',
    'math.prod(range(1, 10 ** 6))',
  ],
  _sre: ['re.match(r"(a+)+$", "a" * 40 + "b")', 're.fullmatch("(a|a)*b", "a" * 40)', 're.sub("(.*)*x", "", "a" * 40)'],
  zlib: ['forever(zlib.compress, bytes(10 ** 7))', 'forever(zlib.crc32, bytes(10 ** 7))'],
  _bz2: ['bz2.compress(b"ab" * 5 * 10 ** 7)'],
  _lzma: ['forever(lzma.compress, bytes(10 ** 6))'],
  _sha2: ['forever(hashlib.sha256, bytes(10 ** 7))'],
  _sha3: ['forever(hashlib.sha3_512, bytes(10 ** 7))'],
  _md5: ['forever(hashlib.md5, bytes(10 ** 7))'],
  _blake2: ['forever(hashlib.blake2b, bytes(10 ** 7))'],
  _json: ['forever(json.loads, "[" + "1," * 10 ** 6 + "1]")', 'forever(json.dumps, list(range(10 ** 6)))'],
  _pickle: ['forever(pickle.dumps, list(range(10 ** 6)))'],
  marshal: ['forever(marshal.dumps, list(range(10 ** 6)))'],
  _decimal: [
    'decimal.Context(prec=10 ** 6).ln(decimal.Decimal(3))',
    'decimal.Context(prec=10 ** 6).power(decimal.Decimal(7), decimal.Decimal("0.3"))',
  ],
  array: ['forever(array.array("b", bytes(10 ** 7)).count, 1)'],
  _struct: ['forever(struct.Struct("10000i").unpack, bytes(40000))'],
  binascii: ['forever(binascii.b2a_base64, bytes(10 ** 7))'],
  unicodedata: ['unicodedata.normalize("NFD", "a" + "\\u0301\\u0316" * 10 ** 5)'],
  _csv: ['deque(csv.reader(repeat("a,b,c")), maxlen=0)'],
  _sqlite3: [
    'sqlite3.connect(":memory:").execute("with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c").fetchone()',
  ],
  _elementtree: ['forever(ElementTree.fromstring, "<a>" + "<b/>" * 10 ** 5 + "</a>")'],
  _bisect: ['forever(bisect.bisect, range(10 ** 9), 5)'],
  _heapq: ['forever(heapq.heapify, list(range(10 ** 6)))'],
  _random: ['deque(iter(random.random, None), maxlen=0)'],
  _datetime: ['forever(datetime.datetime.fromisoformat, "2026-01-01")'],
  _codecs: ['forever(codecs.decode, b"a" * 10 ** 6, "utf-7")'],
  _io: ['forever(io.StringIO, "line\\n" * 10 ** 6)'],
}

/** One expression with the C module that it sits in, and what to run before it. */
export const ENDLESS = Object.entries(BY_MODULE).flatMap(([module, expressions]) =>
  expressions.map((expression) => ({ module, expression })),
)

/** Run once in a sandbox, and after each kill: the expressions use what it imports. */
export const ENDLESS_IMPORTS = IMPORTS
