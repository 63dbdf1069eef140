/** The bytes of a component's type in, its definition out (component-model, Binary.md, "Type Definitions"). */
import type { Reader } from '../../src/loader/reader.ts'
import type { Definition, TypeDefinition, TypeReference } from './component-ast.ts'
import {
  externName,
  nested,
  readAlias,
  readExternType,
  readImport,
  refuseComponent,
  skipCoreType,
  vector,
} from './component-reader.ts'
import type { Primitive } from './wit-types.ts'

const PRIMITIVE_CODES: Readonly<Record<number, Primitive>> = {
  0x7f: 'bool',
  0x7e: 's8',
  0x7d: 'u8',
  0x7c: 's16',
  0x7b: 'u16',
  0x7a: 's32',
  0x79: 'u32',
  0x78: 's64',
  0x77: 'u64',
  0x76: 'f32',
  0x75: 'f64',
  0x74: 'char',
  0x73: 'string',
}

/** A primitive type as well, but of no values: a handle. */
const ERROR_CONTEXT = 0x64

/** What is not supported, by the code of its type. */
const REFUSED: Readonly<Record<number, string>> = {
  0x63: 'maps are not supported',
  0x67: 'lists of fixed length are not supported',
  0x3e: 'resources with callbacks are not supported',
}

/** A type by index (not negative) or a primitive's code (negative): one signed number. */
function reference(reader: Reader): TypeReference {
  const first = reader.bytes[reader.at] ?? 0
  if (first < 0x40 || first >= 0x80) return reader.u32()
  const code = reader.byte()
  const primitive = code === ERROR_CONTEXT ? 'error-context' : PRIMITIVE_CODES[code]
  if (!primitive) throw refuseComponent(REFUSED[code] ?? 'the code of a type is unknown', reader.at - 1)
  return primitive
}

function optional(reader: Reader): TypeReference | undefined {
  const present = reader.byte()
  if (present > 1) throw refuseComponent('an optional type is malformed', reader.at - 1)
  return present === 1 ? reference(reader) : undefined
}

function labelled(reader: Reader): readonly (readonly [string, TypeReference])[] {
  return vector(reader, (item) => [item.name(), reference(item)] as const)
}

function variantCase(reader: Reader): readonly [string, TypeReference | undefined] {
  const label = reader.name()
  const type = optional(reader)
  if (reader.byte() !== 0x00) throw refuseComponent('a case of a variant is malformed', reader.at - 1)
  return [label, type]
}

/** One result without a name, or none. */
export function functionResult(reader: Reader): TypeReference | undefined {
  const form = reader.byte()
  if (form === 0x00) return reference(reader)
  if (form !== 0x01 || reader.byte() !== 0x00) throw refuseComponent('the results of a function have names', reader.at)
  return undefined
}

function resource(reader: Reader): TypeDefinition {
  if (reader.byte() !== 0x7f)
    throw refuseComponent('a resource is represented by something else than an i32', reader.at)
  const present = reader.byte()
  if (present > 1) throw refuseComponent('a destructor is malformed', reader.at - 1)
  return { kind: 'resource', destructor: present === 1 ? reader.u32() : undefined }
}

/** Declarations of an instance's type, or of a component's. */
function readDeclarations(reader: Reader, kind: 'component' | 'instance', depth: number): Definition[] {
  return vector(reader, (declaration) => {
    const code = declaration.byte()
    if (code === 0x00) return skipCoreType(declaration)
    if (code === 0x01) return { kind: 'type', type: readType(declaration, nested(depth)) }
    if (code === 0x02) return readAlias(declaration)
    if (code === 0x03 && kind === 'component') return readImport(declaration)
    if (code === 0x04)
      return { kind: 'declare', name: externName(declaration), type: readExternType(declaration) } as const
    throw refuseComponent('a declaration is unknown', declaration.at - 1)
  })
}

const READERS: Readonly<Record<number, (reader: Reader, depth: number) => TypeDefinition>> = {
  0x72: (reader) => ({ kind: 'record', fields: labelled(reader) }),
  0x71: (reader) => ({ kind: 'variant', cases: vector(reader, variantCase) }),
  0x70: (reader) => ({ kind: 'list', element: reference(reader) }),
  0x6f: (reader) => ({ kind: 'tuple', types: vector(reader, reference) }),
  0x6e: (reader) => ({ kind: 'flags', labels: vector(reader, (label) => label.name()) }),
  0x6d: (reader) => ({ kind: 'enum', labels: vector(reader, (label) => label.name()) }),
  0x6b: (reader) => ({ kind: 'option', type: reference(reader) }),
  0x6a: (reader) => ({ kind: 'result', ok: optional(reader), error: optional(reader) }),
  0x69: (reader) => ({ kind: 'own', resource: reader.u32() }),
  0x68: (reader) => ({ kind: 'borrow', resource: reader.u32() }),
  0x66: (reader) => ({ kind: 'stream', element: optional(reader) }),
  0x65: (reader) => ({ kind: 'future', element: optional(reader) }),
  0x40: (reader) => ({ kind: 'func', isAsync: false, params: labelled(reader), result: functionResult(reader) }),
  0x43: (reader) => ({ kind: 'func', isAsync: true, params: labelled(reader), result: functionResult(reader) }),
  0x41: (reader, depth) => ({ kind: 'component', declarations: readDeclarations(reader, 'component', depth) }),
  0x42: (reader, depth) => ({ kind: 'instance', declarations: readDeclarations(reader, 'instance', depth) }),
  0x3f: resource,
}

/** @param depth of the types around it */
export function readType(reader: Reader, depth: number): TypeDefinition {
  const code = reader.byte()
  const primitive = code === ERROR_CONTEXT ? 'error-context' : PRIMITIVE_CODES[code]
  if (primitive) return { kind: 'primitive', primitive }
  const read = READERS[code]
  if (!read) throw refuseComponent(REFUSED[code] ?? 'the code of a type is unknown', reader.at - 1)
  return read(reader, depth)
}
