/** A guest's text on a terminal: no control of the terminal, whatever it prints and wherever the chunks are cut. */
import { Readable } from 'node:stream'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lazyInput, paintFor } from '../../src/cli/terminal.ts'
import { TerminalFilter, visible } from '../../src/cli/terminal-text.ts'

const utf8 = new TextEncoder()
const text = new TextDecoder()

function filtered(...chunks: (string | Uint8Array)[]): string {
  const filter = new TerminalFilter()
  const parts = chunks.map((chunk) =>
    text.decode(filter.push(typeof chunk === 'string' ? utf8.encode(chunk) : chunk), { stream: true }),
  )
  return parts.join('') + text.decode(filter.end())
}

describe('a guest on a terminal', () => {
  test('may use words of every script, lines, tabs and colours', () => {
    const said = 'Grüße, 世界 😀\tà\r\n\u001b[1;31mred\u001b[0m \u001b[38;2;1;2;3mrgb\u001b[m\n'
    expect(filtered(said)).toBe(said)
  })

  test.each([
    ['retitles no window', '\u001b]0;owned\u0007', '␛]0;owned␇'],
    ['fills no clipboard', '\u001b]52;c;aGk=\u001b\\', '␛]52;c;aGk=␛\\'],
    ['clears no screen', 'a\u001b[2Jb', 'a␛[2Jb'],
    ['moves no cursor', '\u001b[1A\u001b[2K', '␛[1A␛[2K'],
    ['asks the terminal nothing', '\u001b[6n\u001b[c', '␛[6n␛[c'],
    ['uses no 8-bit controls', 'a\u009b2Jb\u0085', 'a\\x9b2Jb\\x85'],
    ['rings no bell and erases nothing', '\u0007\u0008\u007f', '␇␈␡'],
    ['hides nothing in an endless colour', `\u001b[${'1;'.repeat(100)}m`, `␛[${'1;'.repeat(100)}m`],
    ['hides no sequence in another', '\u001b\u001b[2J\u001b[3\u001b[2J', '␛␛[2J␛[3␛[2J'],
  ])('%s', (_name, said, shown) => {
    expect(filtered(said)).toBe(shown)
  })

  test('gets the same answer wherever its output is cut', () => {
    const piece = fc.constantFrom('\u001b', '[', '2', ';', 'J', 'm', ']', '\u0007', '\u009b', 'é', 'Â', '😀', '\n', 'x')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(60), { maxLength: 8 }), (pieces, cuts) => {
        const bytes = utf8.encode(pieces.join(''))
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        const whole = new TerminalFilter()
        const expected = [...whole.push(bytes), ...whole.end()]
        const cut = new TerminalFilter()
        const got = places.slice(1).flatMap((end, index) => [...cut.push(bytes.subarray(places[index], end))])
        expect([...got, ...cut.end()]).toEqual(expected)
        const shown = text.decode(Uint8Array.from(expected))
        expect(shown.replace(/\u001b\[[\d;:]*m/g, '')).not.toMatch(
          /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/,
        )
      }),
      { seed: 7, numRuns: 500 },
    )
  })

  test('cannot break out of one of our own lines', () => {
    expect(visible('a\nb\u001b[2J\u202egpj\u009b')).toBe('a␊b␛[2J\\u202egpj\\x9b')
    expect(visible('a\nb\r', true)).toBe('a\nb␍')
  })
})

describe('colours', () => {
  test.each([
    ['on a terminal', { isTTY: true }, {}, true],
    ['not in a pipe', {}, {}, false],
    ['not with NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false],
    ['in a pipe with FORCE_COLOR', {}, { FORCE_COLOR: '1' }, true],
    ['not on a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false],
  ])('are %s', (_name, stream, environment, coloured) => {
    expect(paintFor(stream, environment)('red', 'x') !== 'x').toBe(coloured)
  })
})

describe('stdin', () => {
  test('is not touched until the guest reads it', async () => {
    const chunks = ['ab', 'c', null]
    let reads = 0
    const stdin = new Readable({
      highWaterMark: 1,
      read() {
        reads++
        this.push(chunks.shift() ?? null)
      },
    })
    const reader = lazyInput(stdin).getReader()
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(reads).toBe(0)
    expect(text.decode((await reader.read()).value)).toBe('ab')
    expect(text.decode((await reader.read()).value)).toBe('c')
    expect((await reader.read()).done).toBe(true)
  })
})
