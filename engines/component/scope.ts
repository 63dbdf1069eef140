/** The index spaces of one component or type while its definitions are resolved, and what stands in them. */
import type { Definition, Sort, TypeDefinition, TypeReference, ValueDefinition } from './component-ast.ts'
import { refuseComponent } from './component-reader.ts'
import type { Func } from './plan.ts'
import type { CoreRef } from './resource-types.ts'
import type { ResourceType } from './resource-types.ts'
import * as wit from './wit-types.ts'

export type TypeItem =
  | { readonly kind: 'value'; readonly type: wit.WitType }
  | { readonly kind: 'func'; readonly type: wit.FunctionType }
  | { readonly kind: 'resource'; readonly resource: ResourceType }
  /** The type of an instance or a component, resolved when something has it. */
  | { readonly kind: 'declared'; readonly declarations: readonly Definition[]; readonly scope: Scope }

export type CoreInstance = ReadonlyMap<string, CoreRef> | { readonly instance: number }

/** What each sort's index space holds. */
type Spaces = {
  'core func': CoreRef
  'core table': CoreRef
  'core memory': CoreRef
  'core global': CoreRef
  'core tag': CoreRef
  'core type': undefined
  'core module': number
  'core instance': CoreInstance
  func: Func
  value: never
  type: TypeItem
  component: { readonly definitions: readonly Definition[]; readonly scope: Scope }
  instance: ReadonlyMap<string, Item>
}

export type Item = { [S in Sort]: { readonly sort: S; readonly value: Spaces[S] } }[Sort]

/** Definitions that may be resolved in all, and their members: components can be instantiated more often than they are written. */
const MOST_RESOLVED = 200_000

/** Counts what is resolved, over all scopes of one component. */
export class Effort {
  #left = MOST_RESOLVED

  spend(count = 1): void {
    this.#left -= count
    if (this.#left < 0) throw refuseComponent(`instantiating it takes more than ${MOST_RESOLVED} definitions`)
  }
}

export class Scope {
  readonly parent: Scope | undefined
  /** The component instance whose definitions these are; of a type's scope, that around it. */
  readonly instance: number
  readonly #spaces = new Map<Sort, unknown[]>()

  constructor(parent: Scope | undefined, instance: number) {
    this.parent = parent
    this.instance = instance
  }

  add(item: Item): void {
    const space = this.#spaces.get(item.sort)
    if (space) space.push(item.value)
    else this.#spaces.set(item.sort, [item.value])
  }

  /** @throws TokaError TOKA_ENGINE_LOAD for an index that nothing has */
  get<S extends Sort>(sort: S, index: number): Spaces[S] {
    const space = this.#spaces.get(sort)
    if (!space || index >= space.length) throw refuseComponent(`there is no ${sort} ${index}`)
    return space[index] as Spaces[S]
  }

  item(sort: Sort, index: number): Item {
    return { sort, value: this.get(sort, index) } as Item
  }

  /** The scope `count` further out. */
  outer(count: number): Scope {
    let scope: Scope = this
    for (let left = count; left > 0; left--) {
      if (!scope.parent) throw refuseComponent('an alias leads out of the component')
      scope = scope.parent
    }
    return scope
  }

  resource(index: number): ResourceType {
    const item = this.get('type', index)
    if (item.kind !== 'resource') throw refuseComponent(`type ${index} is no resource`)
    return item.resource
  }

  valueType(reference: TypeReference): wit.WitType {
    if (reference === 'error-context') return wit.errorContext
    if (typeof reference === 'string') return wit.primitive(reference)
    const item = this.get('type', reference)
    if (item.kind !== 'value') throw refuseComponent(`type ${reference} is no type of values`)
    return item.type
  }

  /** The type of a stream or a future, as the builtins name it. */
  channelType(index: number, kind: wit.ChannelType['kind']): wit.ChannelType {
    const type = this.valueType(index)
    if (type.kind !== kind) throw refuseComponent(`type ${index} is no ${kind}`)
    return type as wit.ChannelType
  }

  functionType(index: number): wit.FunctionType {
    const item = this.get('type', index)
    if (item.kind !== 'func') throw refuseComponent(`type ${index} is no type of functions`)
    return item.type
  }

  /** Resolves a type but a resource, which is made by whoever knows its destructor. */
  resolve(definition: Exclude<TypeDefinition, { kind: 'resource' }>): TypeItem {
    if (definition.kind === 'func') return { kind: 'func', type: this.#function(definition) }
    if (definition.kind === 'component' || definition.kind === 'instance')
      return { kind: 'declared', declarations: definition.declarations, scope: this }
    return { kind: 'value', type: this.#value(definition) }
  }

  #function({ isAsync, params, result }: Extract<TypeDefinition, { kind: 'func' }>): wit.FunctionType {
    if (params.length > MOST_PARAMS) throw refuseComponent(`a function has more than ${MOST_PARAMS} parameters`)
    const type = result === undefined ? undefined : this.valueType(result)
    if (type?.borrows) throw refuseComponent('a function answers a borrowed handle')
    return { isAsync, params: params.map(([name, of]) => ({ name, type: this.valueType(of) })), result: type }
  }

  #value(definition: ValueDefinition): wit.WitType {
    const maybe = (type: TypeReference | undefined) => (type === undefined ? undefined : this.valueType(type))
    switch (definition.kind) {
      case 'primitive':
        return this.valueType(definition.primitive)
      case 'record':
        return wit.record(definition.fields.map(([label, type]) => [label, this.valueType(type)] as const))
      case 'variant':
        return wit.variant(definition.cases.map(([label, type]) => [label, maybe(type)] as const))
      case 'list':
        return wit.list(this.valueType(definition.element))
      case 'tuple':
        return wit.tuple(definition.types.map((type) => this.valueType(type)))
      case 'flags':
        return wit.flags(definition.labels)
      case 'enum':
        return wit.enumeration(definition.labels)
      case 'option':
        return wit.option(this.valueType(definition.type))
      case 'result':
        return wit.result(maybe(definition.ok), maybe(definition.error))
      case 'own':
        return wit.own(this.resource(definition.resource))
      case 'borrow':
        return wit.borrow(this.resource(definition.resource))
      case 'stream':
      case 'future':
        return wit.channel(definition.kind, maybe(definition.element))
    }
  }
}

/** Parameters of one function. */
const MOST_PARAMS = 1_000
