/** The web's globals in a JavaScript guest: text, URLs, clones, events, aborts, random numbers. */
import { describe, expect, test } from 'vitest'
import { run, valueOf } from '../run.ts'

describe('TextEncoder and TextDecoder', () => {
  test('round trip every plane, and replace lone surrogates', async () => {
    const value = await valueOf(`
      const text = 'aé€😀\\0z'
      const decoder = new TextDecoder()
      ;[decoder.decode(new TextEncoder().encode(text)) === text, [...new TextEncoder().encode('a\\ud800b')]]`)
    expect(value).toEqual([true, [97, 0xef, 0xbf, 0xbd, 98]])
  })

  test('replace each invalid sequence as the standard counts them, or throw when fatal', async () => {
    const cases = [
      [0xff],
      [0xc0, 0x80],
      [0xe2, 0x82],
      [0xed, 0xa0, 0x80],
      [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
      [0xf0, 0x9f, 0x92, 0x41],
      [0xf4, 0x90, 0x80, 0x80],
      [0x80, 0x41],
      [0xe2, 0x28, 0xa1],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
      [0xef, 0xbf, 0xbd],
    ].map((bytes) => Uint8Array.from(bytes))
    const value = await valueOf(
      `input.map((bytes) => {
        let fatal = false
        try { new TextDecoder('utf-8', { fatal: true }).decode(bytes) } catch (error) { fatal = error instanceof TypeError }
        return [new TextDecoder().decode(bytes), fatal]
      })`,
      { input: cases },
    )
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
    expect(value).toEqual(cases.map((bytes, at) => [decode(bytes), at !== cases.length - 1]))
  })

  test('keep what a chunk begins until the next one ends it', async () => {
    const value = await valueOf(`
      const bytes = new TextEncoder().encode('\\ufeffx€😀y')
      const decoder = new TextDecoder()
      let text = ''
      for (const byte of bytes) text += decoder.decode(Uint8Array.of(byte), { stream: true })
      text += decoder.decode()
      const cut = new TextDecoder()
      ;[text, cut.decode(Uint8Array.of(0xe2, 0x82), { stream: true }) + cut.decode(), new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).length]`)
    expect(value).toEqual(['x€😀y', '\ufffd', 6])
  })

  test('know utf-16le and latin1, and refuse what they do not know', async () => {
    const value = await valueOf(`
      let refused
      try { new TextDecoder('big5') } catch (error) { refused = error.name }
      ;[new TextDecoder('utf-16le').decode(Uint8Array.of(0x3d, 0xd8, 0, 0xde, 0x41, 0)), new TextDecoder('latin1').decode(Uint8Array.of(0xe9, 0x80)), refused]`)
    expect(value).toEqual(['😀A', 'é€', 'RangeError'])
  })

  test('encodeInto never cuts a character', async () => {
    const value = await valueOf(`
      const into = new Uint8Array(6)
      ;[new TextEncoder().encodeInto('a€😀', into), [...into]]`)
    expect(value).toEqual([{ read: 2, written: 4 }, [97, 0xe2, 0x82, 0xac, 0, 0]])
  })
})

describe('URL', () => {
  const urls: [string, string | undefined, string | null][] = [
    ['HTTP://User:pa ss@EXAMPLE.com:80/a/../b?q=ä#f', undefined, 'http://User:pa%20ss@example.com/b?q=%C3%A4#f'],
    ['//x/y', 'https://a/b', 'https://x/y'],
    ['../c?d', 'file:///a/b/e', 'file:///a/c?d'],
    ['http://0x7f.1/', undefined, 'http://127.0.0.1/'],
    ['http://[::ffff:1.2.3.4]/', undefined, 'http://[::ffff:102:304]/'],
    ['https://BÜCHER.example/', undefined, 'https://xn--bcher-kva.example/'],
    ['https://faß.de/', undefined, 'https://xn--fa-hia.de/'],
    ['https://ｅｘａｍｐｌｅ。com/', undefined, 'https://example.com/'],
    ['https://a\u00adb.com/', undefined, 'https://ab.com/'],
    ['https://xn--a.ß/', undefined, null],
    ['http://a b/', undefined, null],
    ['https://www‥x.net/', undefined, null],
    ['/no-base', undefined, null],
  ]
  test.each(urls)('parses %s with base %s', async (url, base, href) => {
    const value = await valueOf(
      'const { url, base } = input; URL.canParse(url, base) ? new URL(url, base).href : null',
      { input: { url, base } },
    )
    expect(value).toBe(href)
  })

  test('shares its parameters', async () => {
    const value = await valueOf(`
      const url = new URL('https://a/?x=1&x=2&y=%20+')
      url.searchParams.append('z', 'é&')
      url.searchParams.delete('x', '1')
      ;[url.search, [...url.searchParams], String(new URLSearchParams({ a: 'b c' }))]`)
    expect(value).toEqual([
      '?x=2&y=++&z=%C3%A9%26',
      [
        ['x', '2'],
        ['y', '  '],
        ['z', 'é&'],
      ],
      'a=b+c',
    ])
  })
})

describe('structuredClone', () => {
  test('copies cycles, maps, sets, dates, errors and bytes', async () => {
    const value = await valueOf(`
      const original = { map: new Map([[1, new Set([2])]]), date: new Date(5), bytes: new Uint8Array([1, 2]), error: new RangeError('r'), big: 5n }
      original.self = original
      const copy = structuredClone(original)
      copy.bytes[0] = 9
      ;[copy !== original, copy.self === copy, copy.map.get(1).has(2), copy.date.getTime(), original.bytes[0], copy.error instanceof RangeError, copy.big]`)
    expect(value).toEqual([true, true, true, 5, 1, true, 5n])
  })

  test('refuses functions with a DataCloneError', async () => {
    expect(await valueOf('try { structuredClone({ f() {} }) } catch (error) { [error.name, error.code] }')).toEqual([
      'DataCloneError',
      25,
    ])
  })
})

describe('events and aborts', () => {
  test('listeners run in order, once where asked, and a handler is one of them', async () => {
    const value = await valueOf(`
      const seen = []
      const target = new EventTarget()
      target.addEventListener('x', () => seen.push('a'))
      target.addEventListener('x', { handleEvent(event) { seen.push(event.type) } }, { once: true })
      target.addEventListener('x', (event) => event.preventDefault())
      const first = target.dispatchEvent(new Event('x', { cancelable: true }))
      const second = target.dispatchEvent(new CustomEvent('x', { detail: 1 }))
      ;[seen, first, second]`)
    expect(value).toEqual([['a', 'x', 'a'], false, true])
  })

  test('an abort reaches signals made of others, with its reason, before any listener', async () => {
    const value = await valueOf(`
      const controller = new AbortController()
      const any = AbortSignal.any([new AbortController().signal, controller.signal])
      let atListener
      controller.signal.onabort = () => { atListener = any.aborted }
      controller.abort('why')
      let thrown
      try { any.throwIfAborted() } catch (reason) { thrown = reason }
      ;[atListener, any.reason, thrown, AbortSignal.abort().reason.name]`)
    expect(value).toEqual([true, 'why', 'why', 'AbortError'])
  })

  test('AbortSignal.timeout aborts, and alone keeps no run alive', async () => {
    const value = await valueOf(`
      const signal = AbortSignal.timeout(5)
      await new Promise((resolve) => setTimeout(resolve, 30))
      ;[signal.aborted, signal.reason.name]`)
    expect(value).toEqual([true, 'TimeoutError'])
    const result = await run('AbortSignal.timeout(60_000); 1', { limits: { timeoutMs: 2_000 } })
    expect(result).toMatchObject({ status: 'completed', value: 1 })
  })

  test('a listener that throws fails the run and not the dispatch', async () => {
    const result = await run(`
      const target = new EventTarget()
      target.addEventListener('x', () => { throw new Error('in a listener') })
      target.addEventListener('x', () => console.log('second'))
      target.dispatchEvent(new Event('x'))`)
    expect(result).toMatchObject({ status: 'failed', stdout: 'second\n', error: { message: 'Error: in a listener' } })
  })

  test('nothing but the standard names is on the classes', async () => {
    const value = await valueOf(
      `[Event, EventTarget, AbortSignal, AbortController].map((c) => Object.getOwnPropertyNames(c).filter((n) => !/^[A-Z_]+$/.test(n)).sort().join())`,
    )
    expect(value).toEqual([
      'length,name,prototype',
      'length,name,prototype',
      'abort,any,length,name,prototype,timeout',
      'length,name,prototype',
    ])
  })
})

describe('crypto and performance', () => {
  test('random values differ, fill large arrays, and UUIDs are of version 4', async () => {
    const value = (await valueOf(`
      const big = crypto.getRandomValues(new Uint8Array(65536))
      const wide = crypto.getRandomValues(new Uint32Array(4))
      let quota, type
      try { crypto.getRandomValues(new Uint8Array(65537)) } catch (error) { quota = error.name }
      try { crypto.getRandomValues(new Float64Array(1)) } catch (error) { type = error.name }
      ;[new Set(big).size, new Set(wide).size, crypto.randomUUID(), quota, type]`)) as unknown[]
    expect(value.slice(0, 2)).toEqual([256, 4])
    expect(value[2]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(value.slice(3)).toEqual(['QuotaExceededError', 'TypeMismatchError'])
  })

  test('performance counts from the start of the run', async () => {
    const value = (await valueOf('[performance.now(), performance.timeOrigin, Date.now()]')) as [number, number, number]
    expect(value[0]).toBeLessThan(5_000)
    expect(Math.abs(value[1] - value[2])).toBeLessThan(5_000)
    expect(value[1]).toBeGreaterThan(1.6e12)
  })
})
