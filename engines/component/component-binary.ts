/** The bytes of a component in, its definitions out; what we do not run is refused here, by name (component-model, Binary.md). */
import { Reader } from '../../src/loader/reader.ts'
import { readCanon } from './component-canon.ts'
import type { Definition } from './component-ast.ts'
import {
  coreSort,
  externName,
  nested,
  readAlias,
  readExternType,
  readImport,
  refuseComponent,
  skipCoreType,
  sortIndex,
  vector,
} from './component-reader.ts'
import { readType } from './component-types.ts'

/** The eight bytes that begin every component: version 13 of the layer 1. */
const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00] as const

/** Definitions of all components together: what stands in sections, core modules and components included. */
const MOST_DEFINITIONS = 100_000
/** Bytes of sections that are taken apart item by item. One byte may become 60 of objects; large programs have some 100 KiB. */
const MOST_ITEM_BYTES = 2 ** 21

/** Counts what is read, over all components of a binary. */
class Budget {
  #definitions = MOST_DEFINITIONS
  #bytes = MOST_ITEM_BYTES

  definition(): void {
    if (this.#definitions-- <= 0) throw refuseComponent(`it has more than ${MOST_DEFINITIONS} definitions`)
  }

  bytes(count: number): void {
    this.#bytes -= count
    if (this.#bytes < 0) throw refuseComponent(`its definitions have more than ${MOST_ITEM_BYTES} bytes`)
  }
}

function readCoreInstance(reader: Reader): Definition {
  const form = reader.byte()
  if (form === 0x00)
    return {
      kind: 'core instantiate',
      module: reader.u32(),
      args: vector(reader, (arg) => {
        const name = arg.name()
        if (arg.byte() !== 0x12) throw refuseComponent('a core argument is no instance', arg.at - 1)
        return [name, arg.u32()] as const
      }),
    }
  if (form !== 0x01) throw refuseComponent('the form of a core instance is unknown', reader.at - 1)
  const item = (one: Reader) => [one.name(), { sort: coreSort(one), index: one.u32() }] as const
  return { kind: 'core inline', exports: vector(reader, item) }
}

function readInstance(reader: Reader): Definition {
  const form = reader.byte()
  if (form === 0x00)
    return {
      kind: 'instantiate',
      component: reader.u32(),
      args: vector(reader, (arg) => [arg.name(), sortIndex(arg)] as const),
    }
  if (form !== 0x01) throw refuseComponent('the form of an instance is unknown', reader.at - 1)
  return { kind: 'inline', exports: vector(reader, (item) => [externName(item), sortIndex(item)] as const) }
}

function readExport(reader: Reader): Definition {
  const name = externName(reader)
  const of = sortIndex(reader)
  if (reader.byte() !== 0x00) readExternType(reader)
  return { kind: 'export', name, of }
}

const SECTION_READERS: Readonly<Record<number, (reader: Reader, depth: number) => Definition>> = {
  2: readCoreInstance,
  3: skipCoreType,
  5: readInstance,
  6: readAlias,
  7: (reader, depth) => ({ kind: 'type', type: readType(reader, nested(depth)) }),
  8: readCanon,
  10: readImport,
  11: readExport,
}

function readSection(id: number, body: Reader, depth: number, budget: Budget): Definition[] {
  if (id === 1) {
    budget.definition()
    const module: Definition = { kind: 'core module', start: body.at, end: body.end }
    body.skip(body.end - body.at)
    return [module]
  }
  if (id === 4) {
    budget.definition()
    return [{ kind: 'component', definitions: readDefinitions(body, nested(depth), budget) }]
  }
  const read = SECTION_READERS[id]
  if (!read)
    throw refuseComponent(id === 9 || id === 12 ? 'values are not supported' : `section ${id} is unknown`, body.at)
  budget.bytes(body.end - body.at)
  return vector(body, (item) => {
    budget.definition()
    return read(item, depth)
  })
}

function readDefinitions(reader: Reader, depth: number, budget: Budget): Definition[] {
  const start = reader.at
  if (!PREAMBLE.every((byte) => reader.byte() === byte)) throw refuseComponent('its version is unknown', start)
  const definitions: Definition[] = []
  while (!reader.done) {
    const id = reader.byte()
    const size = reader.u32()
    const from = reader.at
    reader.skip(size)
    if (id === 0) continue
    const body = new Reader(reader.bytes, from, reader.at)
    for (const definition of readSection(id, body, depth, budget)) definitions.push(definition)
    if (!body.done) throw refuseComponent(`section ${id} is longer than its items`, body.at)
  }
  return definitions
}

/**
 * Reads a component.
 * @throws TokaError TOKA_ENGINE_LOAD naming what is wrong, or not supported, and where
 */
export function readComponent(bytes: Uint8Array): Definition[] {
  return readDefinitions(new Reader(bytes), 0, new Budget())
}
