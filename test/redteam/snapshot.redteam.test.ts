/** Snapshots that were changed, cut, made with another key or for another engine: refused before anything in them is read. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createToka, type Toka, TokaError, type TokaErrorCode } from '../../src/index.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { type ImageContent, LOADER_VERSION, readContent, writeContent } from '../../src/loader/image-format.ts'
import { SnapshotSeal } from '../../src/sandbox/snapshot-seal.ts'
import { openWay, WAYS } from '../isolations.ts'

const SETTINGS = { seed: 20_261_124, numRuns: 300 }
const key = new Uint8Array(32).fill(1)
const seal = new SnapshotSeal(key)

let toka: Toka
let snapshot: Uint8Array<ArrayBuffer>
let content: Uint8Array<ArrayBuffer>

beforeAll(async () => {
  toka = await createToka({ snapshotKey: key, isolation: 'inline' })
  const sandbox = await toka.open({ language: 'javascript', files: { '/f': 'text' } })
  await sandbox.run({ source: 'globalThis.n = 1' })
  snapshot = await sandbox.snapshot()
  content = await seal.open(snapshot)
})
afterAll(() => toka.dispose())

async function codeOf(bytes: Uint8Array, of = toka): Promise<TokaErrorCode | 'restored'> {
  try {
    await (await of.restore(bytes)).dispose()
    return 'restored'
  } catch (error) {
    if (error instanceof TokaError) return error.code
    throw error
  }
}

const REFUSALS: readonly string[] = ['INVALID', 'TRUNCATED', 'KEY', 'VERSION'].map((what) => `TOKA_SNAPSHOT_${what}`)

describe('a snapshot', () => {
  test('is refused when any bit of it is turned', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 7 }), fc.boolean(), async (place, bit, early) => {
        const at = place % (early ? 64 : snapshot.length)
        const bytes = snapshot.slice()
        bytes[at] = (bytes[at] as number) ^ (1 << bit)
        expect(REFUSALS).toContain(await codeOf(bytes))
      }),
      SETTINGS,
    )
  })

  test('is refused wherever it is cut, and with anything behind it', async () => {
    expect(await codeOf(new Uint8Array(0))).toBe('TOKA_SNAPSHOT_TRUNCATED')
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (place) => {
        expect(await codeOf(snapshot.slice(0, place % snapshot.length))).toBe('TOKA_SNAPSHOT_TRUNCATED')
      }),
      SETTINGS,
    )
    const longer = new Uint8Array(snapshot.length + 1)
    longer.set(snapshot)
    expect(await codeOf(longer)).toBe('TOKA_SNAPSHOT_INVALID')
  })

  test('of another key is refused, also when it says that it is of this one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 64 }), async (other) => {
        const foreign = await new SnapshotSeal(other).close(content)
        expect(await codeOf(foreign)).toBe('TOKA_SNAPSHOT_KEY')
        foreign.set(snapshot.subarray(12, 20), 12)
        expect(await codeOf(foreign)).toBe('TOKA_SNAPSHOT_INVALID')
      }),
      { ...SETTINGS, numRuns: 50 },
    )
  })

  test('with a key is no snapshot of this process, and the other way round', async () => {
    const keyless = await createToka({ isolation: 'inline' })
    const sandbox = await keyless.open({ language: 'javascript' })
    expect(await codeOf(snapshot, keyless)).toBe('TOKA_SNAPSHOT_KEY')
    expect(await codeOf(await sandbox.snapshot())).toBe('TOKA_SNAPSHOT_KEY')
    await keyless.dispose()
  })

  test('is not read before its seal is checked: any content under a wrong seal has the same answer', async () => {
    const wrong = async (inside: Uint8Array, mac: Uint8Array): Promise<void> => {
      const bytes = await seal.close(inside)
      bytes.set(mac, bytes.length - 32)
      await expect(toka.restore(bytes)).rejects.toMatchObject({
        code: 'TOKA_SNAPSHOT_INVALID',
        message: 'the snapshot is refused: its bytes were changed',
      })
    }
    const mac = fc.uint8Array({ minLength: 32, maxLength: 32 })
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), mac, wrong), SETTINGS)
    await wrong(writeContent({ ...readContent(content), engine: 'other' }), new Uint8Array(32))
    await wrong(content, new Uint8Array(32))
  })

  test('is looked at in a copy: bytes that change meanwhile change nothing', async () => {
    const bytes = snapshot.slice()
    const restored = toka.restore(bytes)
    bytes.fill(0)
    const sandbox = await restored
    expect((await sandbox.run({ source: 'n' })).value).toBe(1)
    await sandbox.dispose()
  })
})

describe('a snapshot that is truly sealed', () => {
  const changed = async (change: Partial<ImageContent>): Promise<TokaErrorCode | 'restored'> =>
    codeOf(await seal.close(writeContent({ ...readContent(content), ...change })))

  test('is refused, with the reason, when it was made by another loader, engine or machine', async () => {
    expect(await changed({})).toBe('restored')
    expect(await changed({ loaderVersion: LOADER_VERSION + 1 })).toBe('TOKA_SNAPSHOT_VERSION')
    expect(await changed({ engine: 'other' })).toBe('TOKA_SNAPSHOT_ENGINE')
    expect(await changed({ engineVersion: '0.0.1' })).toBe('TOKA_SNAPSHOT_ENGINE')
    expect(await changed({ engineHash: '0'.repeat(64) })).toBe('TOKA_SNAPSHOT_ENGINE')
    expect(await changed({ architectureClass: 'nan-0' })).toBe('TOKA_SNAPSHOT_MACHINE')
    const { files } = readContent(content) as { files: Uint8Array }
    const length = new DataView(files.buffer, files.byteOffset).getUint32(0, true)
    const [, facts] = decodeValue(files.slice(4, 4 + length)) as [string, unknown]
    const head = encodeValue(['0'.repeat(64), facts])
    const other = new Uint8Array([...files.subarray(0, 4), ...head, ...files.subarray(4 + length)])
    new DataView(other.buffer).setUint32(0, head.length, true)
    expect(await changed({ files: other })).toBe('TOKA_SNAPSHOT_ENGINE')
  })

  test('and holds another state restores to a guest that is contained, or is refused', async () => {
    const { state } = readContent(content)
    expect(await changed({ state: { ...state, pages: 1, runs: [] } })).toBe('TOKA_SNAPSHOT_INVALID')
    expect(await changed({ state: { ...state, pages: 60_000 } })).toBe('TOKA_REQUEST_INVALID')
    expect(await changed({ state: { ...state, globals: state.globals.slice(1) } })).toBe('TOKA_SNAPSHOT_INVALID')
    expect(await changed({ state: { ...state, tableSizes: [1] } })).toBe('TOKA_SNAPSHOT_INVALID')
    expect(await changed({ files: new Uint8Array(3) })).toBe('TOKA_SNAPSHOT_INVALID')
  })
})

describe.each(WAYS)('sealed content that a fault changed: %s', (way) => {
  test('never leaves its sandbox: it is refused with a code, or its runs end with a result', async () => {
    const home = await openWay(way, { snapshotKey: key })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 40 }), async (changes) => {
        const bytes = content.slice()
        for (const [place, value] of changes) bytes[place % bytes.length] = value
        try {
          const sandbox = await home.restore(await seal.close(bytes))
          const { status } = await sandbox.run({ source: 'JSON.stringify([1, { a: n }])', limits: { timeoutMs: 200 } })
          expect(['completed', 'failed', 'limit']).toContain(status)
          await sandbox.dispose()
        } catch (error) {
          expect(error).toBeInstanceOf(TokaError)
          expect((error as TokaError).code).not.toBe('TOKA_INTERNAL')
        }
      }),
      { ...SETTINGS, numRuns: 60 },
    )
    const sandbox = await home.open({ language: 'javascript' })
    expect((await sandbox.run({ source: '6 * 7' })).value).toBe(42)
    await home.dispose()
  })
})

test('a key has 32 to 64 bytes', async () => {
  for (const snapshotKey of [new Uint8Array(31), new Uint8Array(65), 'x'.repeat(32) as never])
    await expect(createToka({ snapshotKey })).rejects.toMatchObject({
      code: 'TOKA_REQUEST_INVALID',
      message: expect.stringContaining('snapshotKey'),
    })
})
