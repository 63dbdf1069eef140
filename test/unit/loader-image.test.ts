/** Images: the same state comes back from their bytes, and no other bytes are taken for one. */
import { beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/loader/hash.ts'
import {
  createImage,
  decodeImage,
  deriveImage,
  encodeImage,
  type Image,
  type ImageParts,
} from '../../src/loader/image.ts'
import { readLayout } from '../../src/loader/layout.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { bindState, PAGE_BYTES, RUN_BLOCK } from '../../src/loader/state.ts'
import { buildModule } from '../loader-modules.ts'

const ENGINE = { engine: 'test', engineVersion: '1.2.3', engineHash: 'ab'.repeat(32) }
const FILES = new Uint8Array([1, 2, 3])

function makeParts(): ImageParts {
  const source = buildModule({
    // Counts its calls in memory and in a global, so that forks show what they started from.
    functions: [
      {
        name: 'next',
        results: ['i64'],
        code: [0x23, 1, 0x42, 1, 0x7c, 0x24, 1, 0x41, 0, 0x23, 1, 0x37, 3, ...[0x80, 0x20], 0x23, 1],
      },
    ],
    memory: { minimum: 2, name: 'memory' },
    tables: [{ minimum: 3 }],
    globals: [
      { type: 'i32', mutable: true, value: [0x41, 0x7f] },
      { type: 'i64', mutable: true, value: [0x42, 40] },
      { type: 'f32', mutable: true, value: [0x43, 0, 0, 0xc0, 0x3f] },
      { type: 'f64', mutable: true, value: [0x44, 0, 0, 0, 0, 0, 0, 0, 0x80] },
    ],
    data: [
      { offset: 9_000, bytes: [7] },
      { offset: 70_000, bytes: [8, 9] },
    ],
  })
  const booted = rewriteModule(source, { exportState: true })
  const forked = rewriteModule(source, { exportState: true, stripData: true })
  if (!booted.meta.layout || !forked.meta.layout) throw new Error('no layout')
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(booted.bytes))
  const bound = bindState([{ exports, layout: booted.meta.layout }])
  ;(exports.next as () => bigint)()
  return { ...ENGINE, moduleBytes: forked.bytes, layout: forked.meta.layout, state: bound.capture(), files: FILES }
}

function fork(image: Image) {
  const { exports } = new WebAssembly.Instance(image.module)
  const bound = bindState([{ exports, layout: image.layout }])
  bound.restore(image.state)
  return {
    bound,
    next: exports.next as () => bigint,
    memory: new Uint8Array((exports.memory as WebAssembly.Memory).buffer),
  }
}

let parts: ImageParts
let bytes: Uint8Array<ArrayBuffer>
beforeAll(async () => {
  parts = makeParts()
  bytes = await encodeImage(parts)
})

/** Changes content bytes and puts the right checksum under them: what a forger would do. */
async function forge(
  change: (content: Uint8Array<ArrayBuffer>, view: DataView) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const forged = bytes.slice()
  const content = forged.subarray(0, forged.length - 32)
  change(content, new DataView(forged.buffer))
  forged.set(await sha256(content), content.length)
  return forged
}

function findText(bytes: Uint8Array, text: string): number {
  return Array.from(bytes, (byte) => String.fromCharCode(byte))
    .join('')
    .indexOf(text)
}

const refused = { code: 'TOKA_IMAGE_INVALID' }

describe('an image', () => {
  it('comes back from its bytes with the same name, state and files', async () => {
    const image = await createImage(parts)
    const decoded = await decodeImage(bytes.slice(), ENGINE)
    expect(decoded.name).toBe(image.name)
    expect(decoded.name).toMatch(/^[0-9a-f]{64}$/)
    expect(decoded.state).toEqual(image.state)
    expect(decoded.layout).toEqual(image.layout)
    expect(decoded.files).toEqual(FILES)
    expect(await encodeImage(decoded)).toEqual(bytes)
  })

  it('gives forks that go on from its state and know nothing of each other', async () => {
    const image = await decodeImage(bytes.slice(), ENGINE)
    const [one, two] = [fork(image), fork(image)]
    expect([one.next(), one.next(), two.next()]).toEqual([42n, 43n, 42n])
    expect([one.memory[9_000], one.memory[70_001], one.memory[4_096]]).toEqual([7, 9, 43])
    expect(one.bound.reset(image.state, { memoryBytes: 4 * PAGE_BYTES })).toBe(true)
    expect([one.next(), one.memory[4_096]]).toEqual([42n, 42])
  })

  it('keeps only blocks that are not all zero', () => {
    expect(parts.state.runs.map(({ offset, bytes: run }) => [offset / RUN_BLOCK, run.length / RUN_BLOCK])).toEqual([
      [1, 2],
      [17, 1],
    ])
    expect(bytes.length).toBeLessThan(4 * RUN_BLOCK)
  })

  it('keeps signs, fractions and 64 bits of its globals', () => {
    expect(parts.state.globals.map(({ value }) => value)).toEqual([-1, 41n, 1.5, -0])
  })

  it('has another name in another state, and with other files', async () => {
    const image = await createImage(parts)
    const { bound, next } = fork(image)
    next()
    const later = await deriveImage(image, bound.capture())
    const moved = await deriveImage(image, image.state, new Uint8Array([1]))
    expect(new Set([image.name, later.name, moved.name]).size).toBe(3)
    expect((await deriveImage(image, image.state)).name).toBe(image.name)
    expect(fork(later).next()).toBe(43n)
  })

  it('is restored over the data segments of a module that kept them', () => {
    const module = buildModule({ memory: { minimum: 1, name: 'memory' }, data: [{ offset: 9, bytes: [7] }] })
    const { bytes: kept, meta } = rewriteModule(module, { exportState: true })
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(kept))
    if (!meta.layout) throw new Error('no layout')
    bindState([{ exports, layout: meta.layout }]).restore({ pages: 1, runs: [], globals: [], tableSizes: [] })
    expect(new Uint8Array((exports.memory as WebAssembly.Memory).buffer)[9]).toBe(0)
  })

  it('grows a smaller memory to its size, and is refused where the memory may not grow so far', () => {
    const { bytes: small, meta } = rewriteModule(buildModule({ memory: { minimum: 1, name: 'memory' } }), {
      exportState: true,
      maximumPages: 3,
    })
    const { layout } = meta
    if (!layout) throw new Error('no layout')
    const restore = (pages: number) => {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(small))
      bindState([{ exports, layout }]).restore({ pages, runs: [], globals: [], tableSizes: [] })
      return (exports.memory as WebAssembly.Memory).buffer.byteLength / PAGE_BYTES
    }
    expect(restore(3)).toBe(3)
    expect(() => restore(4)).toThrow(expect.objectContaining(refused))
  })

  it('holds the globals of every part of a guest, which share one memory', () => {
    const part = (value: number) => {
      const { bytes: one, meta } = rewriteModule(
        buildModule({ globals: [{ name: 'g', type: 'i32', mutable: true, value: [0x41, value] }] }),
        { exportState: true },
      )
      if (!meta.layout) throw new Error('no layout')
      return { exports: new WebAssembly.Instance(new WebAssembly.Module(one)).exports, layout: meta.layout }
    }
    const parts = [part(1), part(2)]
    const bound = bindState(parts)
    const state = bound.capture()
    expect(state.globals.map(({ value }) => value)).toEqual([1, 2])
    for (const { exports } of parts) (exports.g as WebAssembly.Global).value = 9
    expect(bound.reset(state, { memoryBytes: 0 })).toBe(true)
    expect(parts.map(({ exports }) => (exports.g as WebAssembly.Global).value)).toEqual([1, 2])
  })

  it('is not restored into a guest that has run, or one of another shape', async () => {
    const image = await createImage(parts)
    const { bound } = fork(image)
    expect(() => bound.restore(image.state)).toThrow(/restored once/)
    const { exports } = new WebAssembly.Instance(image.module)
    const other = bindState([{ exports, layout: { ...image.layout, globals: image.layout.globals.slice(1) } }])
    expect(() => other.restore(image.state)).toThrow(expect.objectContaining(refused))
  })
})

describe('bytes that are no image of this engine', () => {
  it('are refused when one byte anywhere is changed', async () => {
    const step = Math.max(1, Math.floor(bytes.length / 250))
    for (let at = 0; at < bytes.length; at += at < 400 ? 1 : step) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] as number) ^ 0x41
      await expect(decodeImage(damaged, ENGINE), `byte ${at}`).rejects.toMatchObject(refused)
    }
  })

  it('are refused when they are cut anywhere', async () => {
    for (let end = 0; end < bytes.length; end += 1 + Math.floor(bytes.length / 200)) {
      await expect(decodeImage(bytes.slice(0, end), ENGINE)).rejects.toMatchObject(refused)
    }
  })

  it('are refused for another engine, version or hash', async () => {
    for (const other of [{ engine: 'x' }, { engineVersion: '1.2.4' }, { engineHash: 'cd'.repeat(32) }]) {
      await expect(decodeImage(bytes.slice(), { ...ENGINE, ...other })).rejects.toMatchObject(refused)
    }
  })

  it.each<[string, (content: Uint8Array<ArrayBuffer>, view: DataView) => void]>([
    ['an unknown format', (_, view) => view.setUint32(8, 99, true)],
    ['an unknown loader version', (_, view) => view.setUint32(12, 99, true)],
    ['another magic', (content) => content.fill(0, 0, 4)],
    ['the class of another machine', (content) => content.set([0x78], findText(content, 'nan-'))],
  ])('are refused with %s, checksum or not', async (_, change) => {
    await expect(decodeImage(await forge(change), ENGINE)).rejects.toMatchObject(refused)
  })
})

describe('a forged image with the right checksum', () => {
  /** Offset of the memory's pages: after magic, two versions, the hash and three texts. */
  const pagesAt = (view: DataView) => {
    let at = 8 + 4 + 4 + 32
    for (let text = 0; text < 3; text++) at += 4 + view.getUint32(at, true)
    return at
  }

  it.each<[string, (view: DataView, pages: number) => void]>([
    ['more pages than there can be', (view, pages) => view.setUint32(pages, 65_537, true)],
    ['fewer pages than its runs need', (view, pages) => view.setUint32(pages, 1, true)],
    ['four thousand million runs', (view, pages) => view.setUint32(pages + 4, 0xffff_ffff, true)],
    ['a run beyond the memory', (view, pages) => view.setUint32(pages + 16, 2 * PAGE_BYTES, true)],
    ['a run that wraps around', (view, pages) => view.setUint32(pages + 16, 0xffff_f000, true)],
    ['a run off the grid', (view, pages) => view.setUint32(pages + 8, 4_097, true)],
    ['runs that overlap', (view, pages) => view.setUint32(pages + 16, RUN_BLOCK, true)],
    ['an empty run', (view, pages) => view.setUint32(pages + 12, 0, true)],
    ['a giant run', (view, pages) => view.setUint32(pages + 12, 0xffff_f000, true)],
    ['a million globals', (view, pages) => view.setUint32(pages + 24, 1_000_000, true)],
    ['a global of no type', (view, pages) => view.setUint8(pages + 28, 9)],
    ['a global of another type', (view, pages) => view.setUint8(pages + 28, 3)],
    ['one global fewer', (view, pages) => view.setUint32(pages + 24, 3, true)],
  ])('is refused with %s', async (_, change) => {
    const start = performance.now()
    const forged = await forge((__, view) => change(view, pagesAt(view)))
    await expect(decodeImage(forged, ENGINE)).rejects.toMatchObject(refused)
    expect(performance.now() - start).toBeLessThan(200)
  })

  it('is refused before anything is allocated for entries that are not there', async () => {
    const forged = await forge((_, view) => view.setUint32(pagesAt(view) + 4, 0xffff_ffff, true))
    await expect(decodeImage(forged, ENGINE)).rejects.toThrow(/a table is longer than the file/)
  })

  it('is refused with bytes after its parts', async () => {
    const content = new Uint8Array([...bytes.subarray(0, bytes.length - 32), 0])
    const forged = new Uint8Array([...content, ...(await sha256(content))])
    await expect(decodeImage(forged, ENGINE)).rejects.toThrow(/longer than its parts/)
  })

  it('never gives anything but a refusal or an image, whatever its tables hold', async () => {
    const from = pagesAt(new DataView(bytes.buffer))
    for (let at = from; at < from + 110; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0xff]) {
        const forged = await forge((content) => {
          content[at] = value
        })
        const end = await decodeImage(forged, ENGINE).then(
          () => 'image',
          (error: { code?: string }) => error.code,
        )
        expect(['image', 'TOKA_IMAGE_INVALID']).toContain(end)
      }
    }
  })

  it('is refused when its module hides a part of the state', async () => {
    const hidden = rewriteModule(
      buildModule({
        globals: [{ type: 'i32', mutable: true, value: [0x41, 0] }],
        memory: { minimum: 1, name: 'memory' },
      }),
    )
    const state = { pages: 1, runs: [], globals: [], tableSizes: [] }
    const layout = { memory: 'memory', globals: [], tables: [], fuel: false, stack: false, blank: true }
    const forged = await encodeImage({ ...ENGINE, moduleBytes: hidden.bytes, layout, state })
    await expect(decodeImage(forged, ENGINE)).rejects.toMatchObject(refused)
    expect(() => readLayout(hidden.bytes, new Set())).toThrow(/does not export all of its state/)
  })
})
