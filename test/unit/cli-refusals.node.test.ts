/** What `toka run` cannot use: a message that names it and what to do, and exit code 64. */
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { file, folder, toka } from '../command-line.ts'
import { assembled } from '../component-bench.ts'

describe('what cannot be used is bad usage, before anything runs', () => {
  const wordy = () => file('wordy.js', 'console.log("ran")')

  test('--out that names a file, or lies beneath one', async () => {
    for (const out of [wordy(), join(wordy(), 'deeper', 'out')]) {
      const ran = await toka(['run', wordy(), '--out', out])
      expect(ran).toMatchObject({ code: 64, stdout: '' })
      expect(ran.stderr).toContain(`--out ${JSON.stringify(out)}: it is no directory`)
    }
  })

  test('a FILE that is no module, as the file and not as a fault of ours', async () => {
    const text = await toka(['run', file('text.wasm', 'hello, module')])
    expect(text).toMatchObject({ code: 64, stdout: '' })
    expect(text.stderr).toMatch(/FILE ".*text\.wasm": the module is refused: it does not begin as WebAssembly does/)
  })

  test('a function that a component does not export, or that takes other values; a component that is no program', async () => {
    const path = join(folder, 'types.wasm')
    writeFileSync(path, assembled('types'))
    for (const [args, message] of [
      [['--call', 'nothing'], 'the component has no export "nothing": it exports echo-all'],
      [['--call', 'echo-u8', '--', '256'], 'x must be a whole number from 0 to 255'],
      [['--call', 'echo-u8', '--', '1', '2'], 'echo-u8 takes 1 arguments, and is given 2'],
      [[], 'the component is no program'],
    ] as const) {
      const ran = await toka(['run', path, ...args])
      expect(ran).toMatchObject({ code: 64, stdout: '' })
      expect(ran.stderr).toContain(message)
    }
  })

  test('a program of any language that is given in the place of a command', async () => {
    for (const name of ['a.js', 'a.mts', 'a.py', 'a.wasm'])
      expect(await toka([name])).toMatchObject({
        code: 64,
        stderr: expect.stringContaining(`did you mean toka run ${name}?`),
      })
  })

  test('a FILE larger than a source, by its size and by its stream', async () => {
    const sparse = join(folder, 'sparse.js')
    writeFileSync(sparse, '')
    truncateSync(sparse, 2 ** 30)
    const before = process.memoryUsage().arrayBuffers
    const large = await toka(['run', sparse])
    expect(large).toMatchObject({ code: 64, stdout: '' })
    expect(large.stderr).toContain('is 1,073,741,824 bytes; the most is 8,388,608 bytes')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26)
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, 0x20)
      })(),
    )
    const streamed = await toka(['run', '-', '--language', 'javascript'], { stdin: endless })
    expect(streamed).toMatchObject({ code: 64, stdout: '' })
    expect(streamed.stderr).toContain('the source from stdin is larger than 8,388,608 bytes')
  })
})
