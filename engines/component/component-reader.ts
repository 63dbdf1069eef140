/** Pieces that every part of a component's binary is made of: vectors, sorts, names, aliases; and the one error of a refusal. */
import { TokaError } from '../../src/errors.ts'
import type { Reader } from '../../src/loader/reader.ts'
import type { Definition, ExternType, Sort, SortIndex } from './component-ast.ts'

/** Components within components, and types within types. */
const MOST_NESTED = 32

export function refuseComponent(reason: string, offset?: number): TokaError {
  const place = offset === undefined ? '' : ` (offset 0x${offset.toString(16)})`
  return new TokaError('TOKA_ENGINE_LOAD', `the component is refused: ${reason}${place}`)
}

const CORE_SORTS: Readonly<Record<number, Sort>> = {
  0x00: 'core func',
  0x01: 'core table',
  0x02: 'core memory',
  0x03: 'core global',
  0x04: 'core tag',
  0x10: 'core type',
  0x11: 'core module',
  0x12: 'core instance',
}
const SORTS: Readonly<Record<number, Sort>> = {
  0x01: 'func',
  0x02: 'value',
  0x03: 'type',
  0x04: 'component',
  0x05: 'instance',
}

export function coreSort(reader: Reader): Sort {
  const sort = CORE_SORTS[reader.byte()]
  if (!sort) throw refuseComponent('a core sort is unknown', reader.at - 1)
  return sort
}

function readSort(reader: Reader): Sort {
  const code = reader.byte()
  if (code === 0x00) return coreSort(reader)
  const sort = SORTS[code]
  if (!sort) throw refuseComponent('a sort is unknown', reader.at - 1)
  return sort
}

export function sortIndex(reader: Reader): SortIndex {
  return { sort: readSort(reader), index: reader.u32() }
}

/** A vector; each item has a byte at least, so that its count is bounded by what is left. */
export function vector<T>(reader: Reader, item: (reader: Reader) => T): T[] {
  const items: T[] = []
  for (let left = reader.u32(); left > 0; left--) items.push(item(reader))
  return items
}

/** The name of an import or an export; what is said of it beside the name changes nothing. */
export function externName(reader: Reader): string {
  const form = reader.byte()
  if (form > 0x02) throw refuseComponent('the form of a name is unknown', reader.at - 1)
  const name = reader.name()
  if (form === 0x02)
    vector(reader, (attribute) => {
      attribute.byte()
      attribute.name()
    })
  return name
}

export function readExternType(reader: Reader): ExternType {
  const code = reader.byte()
  switch (code) {
    case 0x00:
      if (reader.byte() !== 0x11) throw refuseComponent('the type of a core import is unknown', reader.at - 1)
      return { sort: 'core module', type: reader.u32() }
    case 0x01:
      return { sort: 'func', type: reader.u32() }
    case 0x03: {
      const bound = reader.byte()
      if (bound > 0x01) throw refuseComponent('the bound of a type is unknown', reader.at - 1)
      return { sort: 'type', type: bound === 0x00 ? reader.u32() : 'resource' }
    }
    case 0x04:
      return { sort: 'component', type: reader.u32() }
    case 0x05:
      return { sort: 'instance', type: reader.u32() }
    default:
      throw refuseComponent(code === 0x02 ? 'values are not supported' : 'an extern type is unknown', reader.at - 1)
  }
}

export function readAlias(reader: Reader): Definition {
  const sort = readSort(reader)
  const target = reader.byte()
  if (target > 0x02) throw refuseComponent('the target of an alias is unknown', reader.at - 1)
  if (target === 0x02) return { kind: 'alias outer', sort, count: reader.u32(), index: reader.u32() }
  if ((target === 0x01) !== sort.startsWith('core ') && sort !== 'core module')
    throw refuseComponent('an alias is of another sort than its instance', reader.at)
  return { kind: 'alias export', sort, instance: reader.u32(), name: reader.name() }
}

/** A core type: of functions alone, since nothing else is imported of core WebAssembly. */
export function skipCoreType(reader: Reader): Definition {
  if (reader.byte() !== 0x60) throw refuseComponent('types of core modules are not supported', reader.at - 1)
  for (const _ of ['params', 'results']) vector(reader, (type) => type.byte())
  return { kind: 'core type' }
}

export function readImport(reader: Reader): Definition {
  return { kind: 'import', name: externName(reader), type: readExternType(reader) }
}

export function nested(depth: number): number {
  if (depth >= MOST_NESTED) throw refuseComponent(`it is nested more than ${MOST_NESTED} deep`)
  return depth + 1
}
