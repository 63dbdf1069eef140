/** Random sequences of file calls against a plain model. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryDriver } from '../../src/host/memory.ts'
import { FileTree } from '../../src/kernel/files.ts'
import { compareNames } from '../../src/kernel/paths.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { boot, type Guest, mountPort, port } from '../unit/kernel-guest.ts'

const SETTINGS = { seed: 7_331, numRuns: 150 }

/** The model: plain objects, a file shared by its names. */
type ModelFile = { text: string }
type Model = { [name: string]: Model | ModelFile | undefined }
const isFile = (node: Model | ModelFile | undefined): node is ModelFile =>
  typeof (node as ModelFile | undefined)?.text === 'string'

const directories = ['/', '/x/', '/x/y/', '/z/'] as const
const path = fc
  .tuple(fc.constantFrom(...directories), fc.constantFrom('x', 'y', 'z', 'f', 'g', 'f', 'g'))
  .map(([above, name]) => above + name)

const operation = fc.oneof(
  fc.record({ do: fc.constant('write' as const), path, text: fc.string({ maxLength: 8 }) }),
  fc.record({ do: fc.constant('append' as const), path, text: fc.string({ maxLength: 8 }) }),
  fc.record({ do: fc.constant('cut' as const), path, size: fc.nat(12) }),
  fc.record({ do: fc.constant('mkdir' as const), path }),
  fc.record({ do: fc.constant('rmdir' as const), path }),
  fc.record({ do: fc.constant('unlink' as const), path }),
  fc.record({ do: fc.constant('link' as const), path, to: path }),
  fc.record({ do: fc.constant('rename' as const), path, to: path }),
)
type Step = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** Every sequence starts with something to act on: in an empty tree most of it would only fail. */
const START: readonly Step[] = [
  { do: 'mkdir', path: '/x' },
  { do: 'mkdir', path: '/x/y' },
  { do: 'mkdir', path: '/z' },
  { do: 'write', path: '/f', text: 'one' },
  { do: 'write', path: '/x/g', text: 'three' },
  { do: 'write', path: '/z/f', text: 'fifteen' },
]

/** The directory of a path and its last name, or undefined when the way there is none. */
function place(root: Model, at: string): { above: Model; name: string } | undefined {
  const names = at.slice(1).split('/')
  const name = names.pop() as string
  let above: Model = root
  for (const step of names) {
    const next = above[step]
    if (next === undefined || isFile(next)) return undefined
    above = next
  }
  return { above, name }
}

/** Acts on the model and says whether that was possible. */
function actOnModel(root: Model, step: Step): boolean {
  const found = place(root, step.path)
  if (found === undefined) return false
  const { above, name } = found
  const node = above[name]
  switch (step.do) {
    case 'write':
    case 'append':
      if (node !== undefined && !isFile(node)) return false
      if (node === undefined) above[name] = { text: step.text }
      else node.text = step.do === 'write' ? step.text : node.text + step.text
      return true
    case 'cut':
      if (!isFile(node)) return false
      node.text = node.text.slice(0, step.size).padEnd(step.size, '\0')
      return true
    case 'mkdir':
      if (node !== undefined) return false
      above[name] = {}
      return true
    case 'rmdir':
      if (node === undefined || isFile(node) || Object.keys(node).length > 0) return false
      delete above[name]
      return true
    case 'unlink':
      if (!isFile(node)) return false
      delete above[name]
      return true
    case 'link': {
      const target = place(root, step.to)
      if (!isFile(node) || target === undefined || target.above[target.name] !== undefined) return false
      target.above[target.name] = node
      return true
    }
    case 'rename':
      return renameInModel(root, step.path, step.to)
  }
}

function renameInModel(root: Model, from: string, to: string): boolean {
  const source = place(root, from)
  const target = place(root, to)
  if (source === undefined || target === undefined) return false
  const node = source.above[source.name]
  const replaced = target.above[target.name]
  if (node === undefined) return false
  if (node === replaced) return true
  if (!isFile(node) && to.startsWith(`${from}/`)) return false
  if (replaced !== undefined) {
    if (isFile(node) !== isFile(replaced)) return false
    if (!isFile(replaced) && Object.keys(replaced).length > 0) return false
  }
  delete source.above[source.name]
  target.above[target.name] = node
  return true
}

async function actAsGuest(guest: Guest, root: string, step: Step): Promise<boolean> {
  const at = root + step.path
  try {
    if (step.do === 'write' || step.do === 'append') {
      const fd = await guest.open(at, step.do === 'write' ? 'w' : 'a')
      await guest.write(fd, step.text)
      await guest.close(fd)
    } else if (step.do === 'cut') {
      const fd = await guest.open(at, 'r+')
      await guest.truncate(fd, step.size)
      await guest.close(fd)
    } else if (step.do === 'link' || step.do === 'rename') await guest[step.do](at, root + step.to)
    else await guest[step.do](at)
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'GuestFacingError' })
    return false
  }
}

async function seen(guest: Guest, at: string): Promise<unknown> {
  const tree: Record<string, unknown> = {}
  for (const [name, kind] of (await guest.page(at))[0])
    tree[name] =
      kind === 'directory' ? await seen(guest, `${at}/${name}`) : { text: await guest.readFile(`${at}/${name}`) }
  return tree
}

const steps = fc.array(operation, { maxLength: 40 }).map((sequence) => [...START, ...sequence])

test('any sequence of operations on private files does what a simple model does, and counts what it holds', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const { guest, kernel } = boot({ files: new FileTree(DEFAULT_LIMITS) })
      const model: Model = {}
      for (const step of sequence)
        expect([step, await actAsGuest(guest, '', step)]).toEqual([step, actOnModel(model, step)])
      expect(await seen(guest, '/')).toEqual(model)
      const files = new Set<ModelFile>()
      let nodes = 0
      const count = (above: Model): void => {
        for (const node of Object.values(above)) {
          nodes++
          if (isFile(node)) files.add(node)
          else if (node !== undefined) count(node)
        }
      }
      count(model)
      const bytes = [...files].reduce((sum, file) => sum + new TextEncoder().encode(file.text).length, 0)
      // A cut counts bytes, the model characters: they are the same for the ASCII that is generated.
      expect(kernel.files.usage).toEqual({ bytes, nodes })
      expect(FileTree.restore(kernel.files.serialize(), DEFAULT_LIMITS).usage).toEqual({ bytes, nodes })
      expect(kernel.files.fork().serialize()).toEqual(kernel.files.serialize())
    }),
    SETTINGS,
  )
})

test('a mount from memory does what the model does', async () => {
  const withoutLinks = steps.map((sequence) => sequence.filter((step) => step.do !== 'link'))
  await fc.assert(
    fc.asyncProperty(withoutLinks, async (sequence) => {
      const { guest } = boot({ mounts: ['/m'], port: port({ files: mountPort([new MemoryDriver()], true) }) })
      const model: Model = {}
      for (const step of sequence)
        expect([step, await actAsGuest(guest, '/m', step)]).toEqual([step, actOnModel(model, step)])
      expect(await seen(guest, '/m')).toEqual(model)
    }),
    { ...SETTINGS, numRuns: 60 },
  )
})

test('a fork in the middle of any sequence goes its own way', async () => {
  await fc.assert(
    fc.asyncProperty(steps, steps, steps, async (before, here, there) => {
      const { guest, kernel } = boot({ files: new FileTree(DEFAULT_LIMITS) })
      for (const step of before) await actAsGuest(guest, '', step)
      const twin = boot({ files: kernel.files.fork() }).guest
      const start = await seen(twin, '/')
      for (const step of here) await actAsGuest(guest, '', step)
      expect(await seen(twin, '/')).toEqual(start)
      const parent = await seen(guest, '/')
      for (const step of there) await actAsGuest(twin, '', step)
      expect(await seen(guest, '/')).toEqual(parent)
    }),
    { ...SETTINGS, numRuns: 60 },
  )
})

test('names are ordered as their UTF-8 bytes are', () => {
  const name = fc.string({ unit: 'binary', maxLength: 6 }).filter((value) => value.isWellFormed())
  fc.assert(
    fc.property(name, name, (left, right) => {
      const [a, b] = [left, right].map((value) => new TextEncoder().encode(value)) as [Uint8Array, Uint8Array]
      let order = a.length - b.length
      for (let index = Math.min(a.length, b.length) - 1; index >= 0; index--)
        order = (a[index] as number) - (b[index] as number) || order
      expect(Math.sign(compareNames(left, right))).toBe(Math.sign(order))
    }),
    { ...SETTINGS, numRuns: 300 },
  )
})

test('any path, however odd, resolves beneath the root or fails with an errno', async () => {
  const part = fc.oneof(
    fc.constantFrom('..', '.', '', 'a', 'link', 'up', 'abs', 'loop', 'm', 'f'),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  const { guest } = boot({
    mounts: ['/m'],
    port: port({ files: mountPort([new MemoryDriver({ '/a/f': 'x' })], true) }),
  })
  await guest.mkdir('/a')
  await guest.writeFile('/f', '')
  for (const [target, at] of [
    ['a', '/link'],
    ['..', '/a/up'],
    ['/m/a', '/abs'],
    ['loop', '/loop'],
    ['../../m', '/a/m'],
  ] as const)
    await guest.symlink(target, at)
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 12 }), fc.boolean(), async (parts, absolute) => {
      try {
        const real = await guest.realpath((absolute ? '/' : '') + parts.join('/'))
        expect(real).toMatch(/^\/([^/]+(\/[^/]+)*)?$/)
        expect(real.split('/')).not.toContain('..')
        expect(await guest.realpath(real)).toBe(real)
      } catch (error) {
        expect(error).toMatchObject({ name: 'GuestFacingError', code: expect.stringMatching(/^E[A-Z]+$/) })
      }
    }),
    { ...SETTINGS, numRuns: 400 },
  )
})
