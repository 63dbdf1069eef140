/** What a component comes to once its definitions are resolved: core modules to instantiate in order, and functions between them. */
import type { FlatSignature } from './flat-signature.ts'
import type { CoreRef, ResourceType } from './resource-types.ts'
import type { AsyncBuiltin } from './component-ast.ts'
import type { ChannelType, FunctionType, WitType } from './wit-types.ts'

/** How values of a function travel. */
export type LiftOptions = {
  readonly encoding: 'utf8' | 'utf16' | 'latin1+utf16'
  readonly memory: CoreRef | undefined
  readonly realloc: CoreRef | undefined
  readonly postReturn: CoreRef | undefined
  /** The function need not be done when it returns; with a callback it is called again whenever something happened. */
  readonly isAsync: boolean
  readonly callback: CoreRef | undefined
}

/** A function with WIT types: the host's, or one of a component instance. */
export type HostFunc = {
  readonly by: 'host'
  /** Such as `wasi:io/streams@0.2.3`; empty for a function that the component imports by itself. */
  readonly from: string
  readonly name: string
  readonly type: FunctionType
}
export type GuestFunc = {
  readonly by: 'guest'
  readonly core: CoreRef
  readonly options: LiftOptions
  readonly type: FunctionType
  /** The component instance that it belongs to. */
  readonly instance: number
}
export type Func = HostFunc | GuestFunc

/** A builtin for what runs at the same time, with what it names. */
export type PlannedBuiltin = AsyncBuiltin<ChannelType, LiftOptions, CoreRef, WitType | undefined>

/** A core function that we answer: a lowered function, or a builtin on handles of one component instance. */
export type Trampoline =
  | {
      readonly kind: 'lower'
      readonly callee: Func
      readonly options: LiftOptions
      readonly signature: FlatSignature
      readonly instance: number
    }
  | {
      readonly kind: 'builtin'
      readonly builtin: PlannedBuiltin
      readonly instance: number
    }
  | {
      readonly kind: 'resource.new' | 'resource.drop' | 'resource.rep'
      readonly resource: ResourceType
      readonly instance: number
    }

/** A core module to instantiate, with what it imports: by module and name. */
export type CoreInstantiation = {
  /** Number of the module in the plan. */
  readonly module: number
  readonly imports: ReadonlyMap<string, ReadonlyMap<string, CoreRef>>
}

export type Plan = {
  /** Ranges of the core modules in the component's bytes. */
  readonly modules: readonly { readonly start: number; readonly end: number }[]
  readonly instantiations: readonly CoreInstantiation[]
  /** The component instances: of each the one that it was made in. Each has its own handles. */
  readonly instances: readonly (number | undefined)[]
  readonly trampolines: readonly Trampoline[]
  /** Every resource type, in the order in which they were met. */
  readonly resources: readonly ResourceType[]
  /** Functions of the host that the component imports, whether or not anything calls them. */
  readonly imports: readonly HostFunc[]
  /** By name: `add`, or `docs:adder/add@0.1.0#add` for one of an interface. */
  readonly exports: ReadonlyMap<string, GuestFunc>
}
