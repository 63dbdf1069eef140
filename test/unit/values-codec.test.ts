/** The value codec, kind by kind, and its refusals. */
import { describe, expect, test } from 'vitest'
import { TokaError } from '../../src/errors.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'

const through = (value: unknown): unknown => decodeValue(encodeValue(value))

function refusal(value: unknown): string {
  try {
    encodeValue(value)
  } catch (error) {
    expect(error).toBeInstanceOf(TokaError)
    expect((error as TokaError).code).toBe('TOKA_VALUE_UNSUPPORTED')
    return (error as TokaError).message
  }
  return 'not refused'
}

describe('encodeValue', () => {
  test('keeps the order of an object’s keys, which is part of the value', () => {
    expect(Object.keys(through({ b: 1, a: 2, _: 3 }) as object)).toEqual(['b', 'a', '_'])
  })

  test('makes __proto__ and its like ordinary own keys', () => {
    const value = JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"__defineGetter__":3,"toString":4}')
    const back = through(value) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.keys(back)).toEqual(['__proto__', 'constructor', '__defineGetter__', 'toString'])
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: 1 })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('takes bytes of every view and answers a copy in a Uint8Array', () => {
    const source = new Uint8Array([9, 1, 2, 3, 4, 9])
    const views = [
      source.subarray(1, 5),
      new DataView(source.buffer, 1, 4),
      source.slice(1, 5).buffer,
      new Int16Array(source.slice(1, 5).buffer),
    ]
    for (const view of views) expect(through(view)).toEqual(new Uint8Array([1, 2, 3, 4]))
    const encoded = encodeValue(source)
    const back = decodeValue(encoded) as Uint8Array
    encoded.fill(0)
    expect(back[1]).toBe(1)
  })

  test('a hole of an array is undefined, and a key whose value is undefined stays', () => {
    // biome-ignore lint/suspicious/noSparseArray: the hole is the case
    expect(through([1, , 3])).toEqual([1, undefined, 3])
    expect(Object.hasOwn(through({ a: undefined }) as object, 'a')).toBe(true)
  })

  test('the same object twice is no cycle', () => {
    const shared = { n: 1 }
    expect(through([shared, shared, { shared }])).toEqual([shared, shared, { shared }])
  })

  test('objects without a prototype and from another realm are plain', () => {
    expect(through(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 })
  })

  test('refuses a lone surrogate instead of replacing it, as value and as key', () => {
    expect(refusal({ name: 'a\ud800b' })).toBe(
      '$.name is a string with a lone surrogate, which cannot cross the border',
    )
    expect(refusal({ ['\udc00']: 1 })).toContain('lone surrogate')
    expect(refusal(`${'x'.repeat(100)}\ud83d`)).toContain('lone surrogate')
    expect(through('\ud83d\ude00'.repeat(40))).toBe('\ud83d\ude00'.repeat(40))
  })

  test('names the path of what cannot cross', () => {
    expect(refusal({ orders: [1, 2, 3, { buyer: () => 1 }] })).toContain('$.orders[3].buyer is a function')
    expect(refusal({ 'two words': [Symbol('s')] })).toContain('$["two words"][0] is a symbol')
    expect(refusal(new Map([['k', new (class Account {})()]]))).toContain('$.k is an instance of a class')
    expect(refusal([new Set([[Promise.resolve()]])])).toContain('$[0][0][0] is an instance of a class')
    expect(refusal({ at: new Date(Number.NaN) })).toContain('$.at is an invalid Date')
    expect(refusal({ [Symbol('s')]: 1 })).toContain('symbol keys')
    expect(refusal(new Error('x', { cause: { f() {} } }))).toContain('$.cause.f is a function')
  })

  test('the path is right again after a deeper sibling', () => {
    expect(refusal({ a: { b: { c: [1, 2] } }, d: [{}, () => 1] })).toContain('$.d[1] is')
    expect(refusal({ a: [1, 2], b: new (class Account {})() })).toMatch(/^\$\.b is an instance/)
  })

  test('refuses cycles with the path', () => {
    const value: Record<string, unknown> = { list: [] }
    ;(value['list'] as unknown[]).push({ up: value })
    expect(refusal(value)).toContain('$.list[0].up is a reference to something around it')
    const map = new Map<unknown, unknown>()
    map.set('self', map)
    expect(refusal(map)).toContain('$.self')
  })

  test('an encoder that failed leaves nothing behind for the next value', () => {
    refusal({ secret: 'planted', bad: () => 1 })
    expect(encodeValue([1])).toEqual(new Uint8Array([0x81, 1]))
    expect(refusal(() => 1)).toBe('$ is a function, which cannot cross the border')
  })

  test('reads the name of an error from its class, and own data only', () => {
    class Strange extends Error {
      override get name(): string {
        throw new Error('a getter ran')
      }
    }
    expect((through(new Strange('m')) as Error).name).toBe('Error')
    expect((through(new TokaError('TOKA_INTERNAL', 'm')) as Error).name).toBe('TokaError')
  })
})
