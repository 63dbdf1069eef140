/** What the binary of a component says, as data: definitions in their order, indices not resolved. */
import type { Primitive } from './wit-types.ts'

export type Sort =
  | 'core func'
  | 'core table'
  | 'core memory'
  | 'core global'
  | 'core tag'
  | 'core type'
  | 'core module'
  | 'core instance'
  | 'func'
  | 'value'
  | 'type'
  | 'component'
  | 'instance'

export type SortIndex = { readonly sort: Sort; readonly index: number }

/** A type by its index, or a primitive one. */
export type TypeReference = number | Primitive | 'error-context'

export type Labelled = readonly (readonly [string, TypeReference])[]

/** The types of values. */
export type ValueDefinition =
  | { readonly kind: 'primitive'; readonly primitive: Primitive | 'error-context' }
  | { readonly kind: 'record'; readonly fields: Labelled }
  | { readonly kind: 'variant'; readonly cases: readonly (readonly [string, TypeReference | undefined])[] }
  | { readonly kind: 'list'; readonly element: TypeReference }
  | { readonly kind: 'tuple'; readonly types: readonly TypeReference[] }
  | { readonly kind: 'flags' | 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'option'; readonly type: TypeReference }
  | { readonly kind: 'result'; readonly ok: TypeReference | undefined; readonly error: TypeReference | undefined }
  | { readonly kind: 'own' | 'borrow'; readonly resource: number }
  | { readonly kind: 'stream' | 'future'; readonly element: TypeReference | undefined }

export type TypeDefinition =
  | ValueDefinition
  | {
      readonly kind: 'func'
      readonly isAsync: boolean
      readonly params: Labelled
      readonly result: TypeReference | undefined
    }
  | { readonly kind: 'component'; readonly declarations: readonly Definition[] }
  | { readonly kind: 'instance'; readonly declarations: readonly Definition[] }
  | { readonly kind: 'resource'; readonly destructor: number | undefined }

/** The type of an import or an export. A resource that is only named is `resource`. */
export type ExternType =
  | { readonly sort: 'func' | 'instance' | 'component' | 'core module'; readonly type: number }
  | { readonly sort: 'type'; readonly type: number | 'resource' }

export type CanonOptions = {
  readonly encoding: 'utf8' | 'utf16' | 'latin1+utf16'
  readonly memory: number | undefined
  readonly realloc: number | undefined
  readonly postReturn: number | undefined
  readonly isAsync: boolean
  readonly callback: number | undefined
}

/** Of a canonical definition that names none. */
export const NO_OPTIONS = {
  encoding: 'utf8',
  memory: undefined,
  realloc: undefined,
  postReturn: undefined,
  isAsync: false,
  callback: undefined,
} as const

/** Streams and futures have the same builtins. */
export type Channel = 'stream' | 'future'

/** Builtins that name nothing. */
export type PlainBuiltin =
  | 'backpressure.inc'
  | 'backpressure.dec'
  | 'task.cancel'
  | 'subtask.drop'
  | 'waitable-set.new'
  | 'waitable-set.drop'
  | 'waitable.join'
  | 'error-context.drop'

/**
 * A builtin for what runs at the same time. What it names is an index where it is read, and the thing itself in a plan.
 */
export type AsyncBuiltin<Type, Options, Memory, Result> =
  | { readonly name: PlainBuiltin }
  | { readonly name: 'task.return'; readonly result: Result; readonly options: Options }
  | { readonly name: 'context.get' | 'context.set'; readonly core: 'i32' | 'i64'; readonly slot: number }
  | { readonly name: 'subtask.cancel'; readonly isAsync: boolean }
  | { readonly name: 'thread.yield'; readonly cancellable: boolean }
  | {
      readonly name: 'waitable-set.wait' | 'waitable-set.poll'
      readonly cancellable: boolean
      readonly memory: Memory
    }
  | { readonly name: `${Channel}.${'new' | 'drop-readable' | 'drop-writable'}`; readonly type: Type }
  | { readonly name: `${Channel}.${'read' | 'write'}`; readonly type: Type; readonly options: Options }
  | { readonly name: `${Channel}.${'cancel-read' | 'cancel-write'}`; readonly type: Type; readonly isAsync: boolean }
  | { readonly name: 'error-context.new' | 'error-context.debug-message'; readonly options: Options }

export type Definition =
  | { readonly kind: 'core module'; readonly start: number; readonly end: number }
  | {
      readonly kind: 'core instantiate'
      readonly module: number
      readonly args: readonly (readonly [string, number])[]
    }
  | { readonly kind: 'core inline'; readonly exports: readonly (readonly [string, SortIndex])[] }
  | { readonly kind: 'core type' }
  | { readonly kind: 'component'; readonly definitions: readonly Definition[] }
  | {
      readonly kind: 'instantiate'
      readonly component: number
      readonly args: readonly (readonly [string, SortIndex])[]
    }
  | { readonly kind: 'inline'; readonly exports: readonly (readonly [string, SortIndex])[] }
  | { readonly kind: 'alias export'; readonly sort: Sort; readonly instance: number; readonly name: string }
  | { readonly kind: 'alias outer'; readonly sort: Sort; readonly count: number; readonly index: number }
  | { readonly kind: 'type'; readonly type: TypeDefinition }
  | { readonly kind: 'lift'; readonly func: number; readonly options: CanonOptions; readonly type: number }
  | { readonly kind: 'lower'; readonly func: number; readonly options: CanonOptions }
  | { readonly kind: 'resource.new' | 'resource.drop' | 'resource.rep'; readonly resource: number }
  | {
      readonly kind: 'builtin'
      readonly builtin: AsyncBuiltin<number, CanonOptions, number, TypeReference | undefined>
    }
  | { readonly kind: 'import'; readonly name: string; readonly type: ExternType }
  /** An export of a component with what it exports, or of a type with its type alone. */
  | { readonly kind: 'export'; readonly name: string; readonly of: SortIndex }
  | { readonly kind: 'declare'; readonly name: string; readonly type: ExternType }
