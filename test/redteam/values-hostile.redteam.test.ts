/** Hostile bytes and hostile values at the codec. */
import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'

const hex = (digits: string): Uint8Array =>
  Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const unsupported = expect.objectContaining({ name: 'TokaError', code: 'TOKA_VALUE_UNSUPPORTED' })

describe('a value of a host tool that fights back', () => {
  test('a getter does not run, at no depth and in no container', () => {
    let ran = 0
    const trap = { enumerable: true, get: () => ++ran }
    const array: unknown[] = [1]
    Object.defineProperty(array, 0, trap)
    const error = new Error('m')
    Object.defineProperty(error, 'cause', trap)
    Object.defineProperty(error, 'message', trap)
    for (const value of [
      Object.defineProperty({}, 'a', trap),
      { deep: [Object.defineProperty({}, '__proto__', trap)] },
      array,
      error,
    ])
      expect(() => encodeValue(value)).toThrow(unsupported)
    expect(ran).toBe(0)
  })

  test('toJSON, valueOf and Symbol.toPrimitive of a plain object are no hooks', () => {
    const call = (): never => {
      throw new Error('ran')
    }
    for (const key of ['toJSON', 'valueOf', 'then']) expect(() => encodeValue({ [key]: call })).toThrow(unsupported)
    expect(() => encodeValue({ [Symbol.toPrimitive]: call })).toThrow(unsupported)
  })

  test('a Proxy whose traps throw is refused without its error', () => {
    const proxy = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('/home/secret/path')
        },
      },
    )
    expect(() => encodeValue({ a: proxy })).toThrow(unsupported)
    expect(() => encodeValue({ a: proxy })).not.toThrow(/secret/)
  })

  test('a Proxy cannot lie its way past the limits', () => {
    const endless = new Proxy([], { get: (target, key) => (key === 'length' ? 2 ** 32 - 1 : Reflect.get(target, key)) })
    expect(() => encodeValue(endless)).toThrow(expect.objectContaining({ code: 'TOKA_VALUE_SIZE' }))
    const odd = new Proxy([], { get: (target, key) => (key === 'length' ? 1.5 : Reflect.get(target, key)) })
    expect(() => encodeValue(odd)).toThrow(unsupported)
    const chain = (): object =>
      new Proxy(
        {},
        {
          ownKeys: () => ['next'],
          getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: chain() }),
        },
      )
    expect(() => encodeValue(chain())).toThrow(expect.objectContaining({ code: 'TOKA_VALUE_SIZE' }))
  })

  test('a trap that encodes another value in the middle disturbs neither', () => {
    const proxy = new Proxy(
      { inner: 'x' },
      {
        ownKeys(target) {
          expect(encodeValue({ other: 'value', list: [1, 2, 3] })).toHaveLength(22)
          return Reflect.ownKeys(target)
        },
      },
    )
    expect(decodeValue(encodeValue(['before', proxy, 'after']))).toEqual(['before', { inner: 'x' }, 'after'])
  })

  test('a view whose properties lie is read by what it is', () => {
    const view = new Uint8Array([1, 2])
    Object.defineProperty(view, 'byteLength', { value: 2 ** 31 })
    Object.defineProperty(view, 'length', { value: 2 ** 31 })
    expect(decodeValue(encodeValue(view))).toEqual(new Uint8Array([1, 2]))
  })
})

describe('bytes of a guest that fights back', () => {
  test.each([
    ['an array of 2^32 - 1', '9affffffff'],
    ['an array of 2^63', '9b8000000000000000'],
    ['a map of 2^60', 'bb1000000000000000'],
    ['a string of 4 GB', '7affffffff'],
    ['bytes of 2^53', '5b0020000000000000'],
    ['a set of 2^32 - 1', 'd901029affffffff'],
    ['a bignum of 2 GB', 'c25a7fffffff'],
  ])('%s that is not there costs nothing', (_what, bytes) => {
    const start = performance.now()
    expect(() => decodeValue(hex(bytes))).toThrow(unsupported)
    expect(performance.now() - start).toBeLessThan(50)
  })

  test.each([
    ['nothing', ''],
    ['a length that is not the shortest', '1817'],
    ['a length that is not the shortest', '190018'],
    ['a length that is not the shortest', '1a00000100'],
    ['a length that is not the shortest', '1b0000000000000001'],
    ['a length in a reserved form', '1c'],
    ['two values', '0000'],
    ['a key twice', 'a2616101616102'],
    ['__proto__ twice', 'a2695f5f70726f746f5f5f01695f5f70726f746f5f5f02'],
    ['a map key twice', 'd90103a201010102'],
    ['a set member twice', 'd90102820101'],
    ['NaN twice in a set', 'd9010282f97e00f97e00'],
    ['-0 in a set', 'd9010281f98000'],
    ['a float that is an integer', 'fb3ff0000000000000'],
    ['a float that a half holds', 'fa3fc00000'],
    ['a second NaN', 'f97e01'],
    ['a bignum with a leading zero', 'c24200ff'],
    ['a tag on a tag', 'c1c100'],
    ['a date of text', 'c16161'],
    ['a date out of range', 'c1fb4415af1d78b58c40'],
    ['a date that is not a number', 'c1f97e00'],
    ['overlong UTF-8', '62c0af'],
    ['a surrogate in UTF-8', '63eda080'],
    ['UTF-8 that ends early', '61c3'],
    ['UTF-8 beyond Unicode', '64f4908080'],
    ['an error with fields in another order', 'da544f4b41a2676d65737361676560646e616d6560'],
    ['an error with a stack', 'da544f4b41a2646e616d656065737461636b60'],
    ['an error without fields', 'da544f4b41a0'],
    ['a simple value of two bytes', 'f820'],
    ['a break without a start', 'ff'],
  ])('%s is refused (%#)', (_what, bytes) => {
    expect(() => decodeValue(hex(bytes))).toThrow(unsupported)
  })

  test('a setter planted on Object.prototype does not run', () => {
    let ran = 0
    Object.defineProperty(Object.prototype, 'planted', { configurable: true, set: () => ran++ })
    try {
      const back = decodeValue(encodeValue({ planted: 1 })) as object
      expect(Object.getOwnPropertyDescriptor(back, 'planted')?.value).toBe(1)
    } finally {
      delete (Object.prototype as Record<string, unknown>)['planted']
    }
    expect(ran).toBe(0)
  })

  test('nothing of a decoded value shares memory with the bytes', () => {
    const bytes = hex('8243010203420405')
    const [first, second] = decodeValue(bytes) as [Uint8Array, Uint8Array]
    bytes.fill(0xff)
    expect([...first, ...second]).toEqual([1, 2, 3, 4, 5])
    expect(first.buffer.byteLength).toBe(3)
  })
})
