/** A component's definitions in, its plan out: nested components are instantiated on paper, aliases followed, types made one. */
import { flatSignature } from './flat-signature.ts'
import type { Definition, ExternType, TypeDefinition } from './component-ast.ts'
import { refuseComponent } from './component-reader.ts'
import type { CoreInstantiation, Func, GuestFunc, HostFunc, Plan, Trampoline } from './plan.ts'
import type { CoreRef } from './resource-types.ts'
import type { ResourceType } from './resource-types.ts'
import { type CoreInstance, Effort, type Item, Scope } from './scope.ts'
import { mustFit, optionsOf, plannedBuiltin } from './resolve-canon.ts'

/** Core instances of one component, and component instances: each holds memory and tables, or handles. */
const MOST_CORE_INSTANCES = 64
const MOST_INSTANCES = 256
/** Core modules: each is described, rewritten and compiled, instantiated or not. */
const MOST_CORE_MODULES = 256
/** Functions of ours that core modules import. */
const MOST_TRAMPOLINES = 4_000

/** What a resource is called that nothing exports. */
const UNNAMED = 'resource'

type Of<K extends Definition['kind']> = Extract<Definition, { kind: K }>

class Resolver {
  readonly modules: { start: number; end: number }[] = []
  readonly instantiations: CoreInstantiation[] = []
  readonly trampolines: Trampoline[] = []
  readonly imports: HostFunc[] = []
  readonly resources: ResourceType[] = []
  readonly instances: (number | undefined)[] = []
  readonly effort = new Effort()

  /**
   * Resolves the definitions of one component instance.
   * @param maker the instance that it is made in
   * @param args what it imports, by name; undefined for the outermost component, which imports from the host
   * @returns its exports
   */
  instantiate(
    definitions: readonly Definition[],
    parent: Scope | undefined,
    maker: number | undefined,
    args: ReadonlyMap<string, Item> | undefined,
  ): Map<string, Item> {
    if (this.instances.length >= MOST_INSTANCES) throw refuseComponent(`it has more than ${MOST_INSTANCES} instances`)
    const scope = new Scope(parent, this.instances.length)
    this.instances.push(maker)
    const exports = new Map<string, Item>()
    for (const definition of definitions) {
      this.effort.spend()
      if (definition.kind === 'export') {
        const item = scope.item(definition.of.sort, definition.of.index)
        nameResource(item, definition.name)
        addOnce(exports, definition.name, item)
        scope.add(item)
      } else if (definition.kind === 'import') scope.add(this.#import(definition, scope, args))
      else scope.add(this.#define(definition, scope))
    }
    return exports
  }

  #import({ name, type }: Of<'import'>, scope: Scope, args: ReadonlyMap<string, Item> | undefined): Item {
    if (!args) return this.#fromHost('', name, type, scope)
    const given = args.get(name)
    if (given?.sort === type.sort) return given
    throw refuseComponent(`a component inside it imports ${quoted(name)} (${type.sort}), which it is not given`)
  }

  /** What the outermost component imports, made as its type says. @param from the interface that it is part of */
  #fromHost(from: string, name: string, type: ExternType, scope: Scope): Item {
    switch (type.sort) {
      case 'func': {
        const value: HostFunc = { by: 'host', from, name, type: scope.functionType(type.type) }
        this.imports.push(value)
        return { sort: 'func', value }
      }
      case 'type': {
        if (type.type !== 'resource') return scope.item('type', type.type)
        const resource: ResourceType = { name, by: { side: 'host', key: `${withoutVersion(from)}/${name}` } }
        this.resources.push(resource)
        return { sort: 'type', value: { kind: 'resource', resource } }
      }
      case 'instance': {
        if (from !== '') throw refuseComponent(`the interface ${quoted(from)} has an interface inside`)
        const declared = scope.get('type', type.type)
        if (declared.kind !== 'declared') throw refuseComponent(`type ${type.type} is no type of instances`)
        return { sort: 'instance', value: this.#hostInstance(name, declared.declarations, declared.scope) }
      }
      default:
        throw refuseComponent(`it imports ${quoted(name)}, a ${type.sort}: functions and interfaces can be given`)
    }
  }

  #hostInstance(name: string, declarations: readonly Definition[], parent: Scope): Map<string, Item> {
    const scope = new Scope(parent, parent.instance)
    const exports = new Map<string, Item>()
    for (const declaration of declarations) {
      this.effort.spend()
      if (declaration.kind === 'declare') {
        const item = this.#fromHost(name, declaration.name, declaration.type, scope)
        addOnce(exports, declaration.name, item)
        scope.add(item)
      } else scope.add(this.#define(declaration, scope))
    }
    return exports
  }

  #define(definition: Definition, scope: Scope): Item {
    switch (definition.kind) {
      case 'core module':
        return { sort: 'core module', value: this.#module(definition) }
      case 'core instantiate':
        return { sort: 'core instance', value: { instance: this.#coreInstance(definition, scope) } }
      case 'core inline':
        this.effort.spend(definition.exports.length)
        return { sort: 'core instance', value: coreExports(definition, scope) }
      case 'core type':
        return { sort: 'core type', value: undefined }
      case 'component':
        return { sort: 'component', value: { definitions: definition.definitions, scope } }
      case 'instantiate':
        return this.#instance(definition, scope)
      case 'inline':
        this.effort.spend(definition.exports.length)
        return { sort: 'instance', value: itemsOf(definition.exports, scope) }
      case 'alias export':
        return aliasExport(definition, scope)
      case 'alias outer':
        return scope.outer(definition.count).item(definition.sort, definition.index)
      case 'type':
        return { sort: 'type', value: this.#type(definition, scope) }
      case 'lift':
        return { sort: 'func', value: lift(definition, scope) }
      case 'lower':
        return { sort: 'core func', value: this.#lower(definition, scope) }
      case 'resource.new':
      case 'resource.drop':
      case 'resource.rep':
        return { sort: 'core func', value: this.#onResource(definition, scope) }
      case 'builtin':
        return {
          sort: 'core func',
          value: this.#trampoline({
            kind: 'builtin',
            builtin: plannedBuiltin(definition, scope),
            instance: scope.instance,
          }),
        }
      default:
        throw refuseComponent('a declaration stands where a definition should')
    }
  }

  #module({ start, end }: Of<'core module'>): number {
    const known = this.modules.findIndex((module) => module.start === start)
    if (known >= 0) return known
    if (this.modules.length >= MOST_CORE_MODULES)
      throw refuseComponent(`it has more than ${MOST_CORE_MODULES} core modules`)
    return this.modules.push({ start, end }) - 1
  }

  #coreInstance({ module, args }: Of<'core instantiate'>, scope: Scope): number {
    if (this.instantiations.length >= MOST_CORE_INSTANCES)
      throw refuseComponent(`it instantiates more than ${MOST_CORE_INSTANCES} core modules`)
    this.effort.spend(args.length)
    const imports = new Map<string, ReadonlyMap<string, CoreRef>>()
    for (const [name, index] of args) addOnce(imports, name, importable(scope.get('core instance', index)))
    return this.instantiations.push({ module: scope.get('core module', module), imports }) - 1
  }

  #instance({ component, args }: Of<'instantiate'>, scope: Scope): Item {
    this.effort.spend(args.length)
    const { definitions, scope: parent } = scope.get('component', component)
    return { sort: 'instance', value: this.instantiate(definitions, parent, scope.instance, itemsOf(args, scope)) }
  }

  #type({ type }: Of<'type'>, scope: Scope) {
    this.effort.spend(membersOf(type))
    if (type.kind !== 'resource') return scope.resolve(type)
    const destructor = type.destructor === undefined ? undefined : scope.get('core func', type.destructor)
    const resource: ResourceType = { name: UNNAMED, by: { side: 'guest', instance: scope.instance, destructor } }
    this.resources.push(resource)
    return { kind: 'resource', resource } as const
  }

  #lower({ func, options }: Of<'lower'>, scope: Scope): CoreRef {
    const callee = scope.get('func', func)
    mustFit(callee.type, options, 'lowered')
    return this.#trampoline({
      kind: 'lower',
      callee,
      options: optionsOf(options, scope),
      signature: flatSignature(callee.type, 'lower', { isAsync: options.isAsync, hasCallback: false }),
      instance: scope.instance,
    })
  }

  #onResource({ kind, resource }: Of<'resource.new' | 'resource.drop' | 'resource.rep'>, scope: Scope): CoreRef {
    const of = scope.resource(resource)
    const { by } = of
    if (kind !== 'resource.drop' && (by.side === 'host' || by.instance !== scope.instance))
      throw refuseComponent(`${kind} on a resource that is another's`)
    return this.#trampoline({ kind, resource: of, instance: scope.instance })
  }

  #trampoline(trampoline: Trampoline): CoreRef {
    if (this.trampolines.length >= MOST_TRAMPOLINES)
      throw refuseComponent(`it lowers more than ${MOST_TRAMPOLINES} functions`)
    return { from: 'trampoline', trampoline: this.trampolines.push(trampoline) - 1 }
  }
}

/** What a type names: each is looked at whenever the type is resolved. */
function membersOf(type: TypeDefinition): number {
  switch (type.kind) {
    case 'record':
      return type.fields.length
    case 'variant':
      return type.cases.length
    case 'tuple':
      return type.types.length
    case 'flags':
    case 'enum':
      return type.labels.length
    case 'func':
      return type.params.length
    default:
      return 0
  }
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 200).toWellFormed())
}

/** `wasi:io/streams` of `wasi:io/streams@0.2.3`. */
export function withoutVersion(name: string): string {
  return name.replace(/@[^@/]*$/, '')
}

function addOnce<T>(map: Map<string, T>, name: string, item: T): void {
  if (map.has(name)) throw refuseComponent(`the name ${quoted(name)} stands twice`)
  map.set(name, item)
}

function itemsOf(
  args: readonly (readonly [string, { sort: Item['sort']; index: number }])[],
  scope: Scope,
): Map<string, Item> {
  const items = new Map<string, Item>()
  for (const [name, { sort, index }] of args) addOnce(items, name, scope.item(sort, index))
  return items
}

const CORE_ITEMS = ['core func', 'core table', 'core memory', 'core global', 'core tag'] as const
type CoreItemSort = (typeof CORE_ITEMS)[number]

function isCoreItem(sort: string): sort is CoreItemSort {
  return CORE_ITEMS.some((one) => one === sort)
}

function coreExports({ exports }: Of<'core inline'>, scope: Scope): CoreInstance {
  const items = new Map<string, CoreRef>()
  for (const [name, { sort, index }] of exports) {
    if (!isCoreItem(sort)) throw refuseComponent(`a core instance exports a ${sort}`)
    addOnce(items, name, scope.get(sort, index))
  }
  return items
}

/** A resource is called what it is exported as first. */
function nameResource({ sort, value }: Item, name: string): void {
  if (sort === 'type' && value.kind === 'resource' && value.resource.name === UNNAMED) value.resource.name = name
}

/** All that a core instance exports, by a map that answers for each name. */
function importable(instance: CoreInstance): ReadonlyMap<string, CoreRef> {
  return 'instance' in instance ? new ExportsOf(instance.instance) : instance
}

/** The exports of a core instance whose module is looked at later. */
class ExportsOf extends Map<string, CoreRef> {
  readonly #instance: number

  constructor(instance: number) {
    super()
    this.#instance = instance
  }

  override get(name: string): CoreRef {
    return { from: 'instance', instance: this.#instance, name }
  }
}

function aliasExport({ sort, instance, name }: Of<'alias export'>, scope: Scope): Item {
  if (isCoreItem(sort)) {
    const value = importable(scope.get('core instance', instance)).get(name)
    if (!value) throw refuseComponent(`a core instance has no export ${quoted(name)}`)
    return { sort, value }
  }
  const item = scope.get('instance', instance).get(name)
  if (item?.sort === sort) return item
  throw refuseComponent(`an instance has no ${sort} ${quoted(name)}`)
}

function lift({ func, options, type }: Of<'lift'>, scope: Scope): GuestFunc {
  mustFit(scope.functionType(type), options, 'lifted')
  return {
    by: 'guest',
    core: scope.get('core func', func),
    options: optionsOf(options, scope),
    type: scope.functionType(type),
    instance: scope.instance,
  }
}

/** Functions by the names that a caller uses; what else is exported can be used by components alone. */
function functionsOf(exports: ReadonlyMap<string, Item>, effort: Effort): Map<string, GuestFunc> {
  const functions = new Map<string, GuestFunc>()
  const add = (name: string, func: Func) => {
    if (func.by === 'guest') functions.set(name, func)
  }
  for (const [name, item] of exports) {
    if (item.sort === 'func') add(name, item.value)
    if (item.sort !== 'instance') continue
    effort.spend(item.value.size)
    for (const [inner, { sort, value }] of item.value) if (sort === 'func') add(`${name}#${inner}`, value)
  }
  return functions
}

/**
 * Resolves a component.
 * @throws TokaError TOKA_ENGINE_LOAD naming what is wrong or not supported
 */
export function resolveComponent(definitions: readonly Definition[]): Plan {
  const resolver = new Resolver()
  const exports = functionsOf(resolver.instantiate(definitions, undefined, undefined, undefined), resolver.effort)
  const { modules, instantiations, instances, trampolines, resources, imports } = resolver
  return { modules, instantiations, instances, trampolines, resources, imports, exports }
}
