/** What a component holds between two calls in, bytes out, and back: its own resources as they are, the host's made anew. */
import { TokaError } from '../../src/errors.ts'
import { errno } from '../../src/kernel/errno.ts'
import { run } from '../../src/kernel/steps.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { BORDER } from '../../src/limits.ts'
import { standardInput, standardOutput } from './host/cli.ts'
import type { World } from './host/definitions.ts'
import { Descriptor } from './host/descriptor.ts'
import type { DescriptorFlags } from './host/filesystem-types.ts'
import { InputStream, OutputStream } from './host/streams.ts'
import type { HandedOut } from './handed-out.ts'
import type { Handle, HandleTable, Representation, TableItem } from './resources.ts'
import type { ResourceType } from './resource-types.ts'
import { WaitableSet } from './tasks/waitable.ts'

const LIMITS = { structuredBytes: BORDER.resultBytes, nodes: BORDER.resultNodes, depth: 8 }

/** A resource in a form that can be saved: the guest's number, or how the host makes it again. */
type SavedRep = number | ['directory', string, DescriptorFlags] | ['stdin' | 'stdout' | 'stderr']

export type Holdings = {
  tables: readonly HandleTable[]
  handedOut: HandedOut
  /** Of the plan: an index names one. */
  resources: readonly ResourceType[]
  world: World
}

function save(rep: Representation, { name }: ResourceType): SavedRep {
  if (typeof rep === 'number') return rep
  if (rep instanceof Descriptor && rep.path !== undefined && rep.isInPlace) return ['directory', rep.path, rep.flags]
  const origin = rep instanceof InputStream || rep instanceof OutputStream ? rep.origin : undefined
  if (origin === 'stdin' || origin === 'stdout' || origin === 'stderr') return [origin]
  const isMoved = rep instanceof Descriptor && rep.isDirectory
  const what = isMoved ? 'a directory that was renamed or removed' : `an open ${name}`
  throw new TokaError(
    'TOKA_ENGINE_LOAD',
    `the component holds ${what}: it cannot be forked or saved until it lets it go`,
  )
}

/** @throws when it is gone, or a driver would have to be waited for */
function reopen(path: string, flags: DescriptorFlags, world: World): Descriptor {
  const root = Descriptor.root(world)
  if (path === '/') return root
  const open = { create: false, directory: true, exclusive: false, truncate: false }
  const opened = run(root.open(path.slice(1), true, open, flags))
  if (!(opened instanceof Promise)) return opened
  opened.then(
    (late) => late.close(),
    () => {},
  )
  throw errno('EAGAIN')
}

function load(saved: SavedRep, world: World): Representation {
  if (typeof saved === 'number') return saved
  const [kind] = saved
  if (kind === 'directory') return reopen(saved[1] as string, saved[2] as DescriptorFlags, world)
  return kind === 'stdin' ? standardInput(world) : standardOutput(world, kind)
}

/** Of what can be waited for, only sets are saved that nothing is in: the rest is a part of what is under way. */
function saveItem([number, item]: [number, TableItem]): number {
  if (item instanceof WaitableSet && item.members.size === 0 && item.waiting === 0) return number
  throw new TokaError(
    'TOKA_ENGINE_LOAD',
    `the component holds a ${item.what}: it cannot be forked or saved until it lets it go`,
  )
}

/**
 * Saves handles.
 * @throws TokaError TOKA_ENGINE_LOAD naming what cannot be saved
 */
export function saveHandles({ tables, handedOut, resources }: Holdings): Uint8Array {
  const entry = (number: number, resource: ResourceType, rep: Representation) => [
    number,
    resources.indexOf(resource),
    save(rep, resource),
  ]
  const saved = tables.map((table) => [
    table.shape.length,
    [...table.shape.free],
    [...table.entries()].map(([number, { resource, rep }]) => entry(number, resource, rep)),
    [...table.items()].map(saveItem),
  ])
  const given = [...handedOut.entries()].map(([number, { resource, rep }]) => entry(number, resource, rep))
  return encodeValue([saved, given, handedOut.last], LIMITS)
}

type SavedEntry = [number: number, resource: number, rep: SavedRep]

/**
 * Puts handles back.
 * @throws TokaError TOKA_IMAGE_INVALID for damaged bytes
 */
export function loadHandles(bytes: Uint8Array, { tables, handedOut, resources, world }: Holdings): void {
  try {
    const [saved, given, last] = decodeValue(bytes, LIMITS) as [
      [number, number[], SavedEntry[], number[]][],
      SavedEntry[],
      number,
    ]
    const resourceOf = (index: number): ResourceType => {
      const resource = resources[index]
      if (!resource) throw new Error('it names a resource that the component does not have')
      return resource
    }
    const handle = ([number, index, rep]: SavedEntry): [number, Handle] => [
      number,
      { resource: resourceOf(index), rep: load(rep, world), scope: undefined, lends: 0 },
    ]
    for (const [at, table] of tables.entries()) {
      const [length, free, entries, sets] = saved[at] as [number, number[], SavedEntry[], number[]]
      table.load(
        { length, free },
        entries.map(handle),
        sets.map((number) => [number, new WaitableSet()]),
      )
    }
    handedOut.load(
      last,
      given.map(([number, index, rep]) => [number, { resource: resourceOf(index), rep: load(rep, world) }]),
    )
  } catch (cause) {
    throw new TokaError('TOKA_IMAGE_INVALID', 'the saved handles of the component are damaged', { cause })
  }
}
