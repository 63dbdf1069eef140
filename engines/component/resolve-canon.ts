/** A canonical definition's options or builtin as read in, the same with the types, memories and functions that they name out. */
import type { CanonOptions, Channel, Definition } from './component-ast.ts'
import { refuseComponent } from './component-reader.ts'
import type { LiftOptions, PlannedBuiltin } from './plan.ts'
import type { Scope } from './scope.ts'
import type { FunctionType } from './wit-types.ts'

/** Places that a task has for its own use (Explainer.md, "context.get"). */
const CONTEXT_SLOTS = 2

export function optionsOf(
  { encoding, memory, realloc, postReturn, isAsync, callback }: CanonOptions,
  scope: Scope,
): LiftOptions {
  const func = (index: number | undefined) => (index === undefined ? undefined : scope.get('core func', index))
  return {
    encoding,
    memory: memory === undefined ? undefined : scope.get('core memory', memory),
    realloc: func(realloc),
    postReturn: func(postReturn),
    isAsync,
    callback: func(callback),
  }
}

/** What must not wait must not be passed as what may (CanonicalABI.md, "canon lift", "canon lower"). */
export function mustFit(type: FunctionType, { isAsync, callback, postReturn }: CanonOptions, how: string): void {
  if (isAsync && !type.isAsync) throw refuseComponent(`a function that is not async is ${how} as one`)
  if (callback !== undefined && !(isAsync && how === 'lifted'))
    throw refuseComponent('a callback stands where nothing calls it')
  if (postReturn !== undefined && (isAsync || how !== 'lifted'))
    throw refuseComponent('post-return stands where nothing calls it')
}

/** @throws TokaError TOKA_ENGINE_LOAD for an index that nothing has */
export function plannedBuiltin({ builtin }: Extract<Definition, { kind: 'builtin' }>, scope: Scope): PlannedBuiltin {
  switch (builtin.name) {
    case 'task.return': {
      const { result, options } = builtin
      const type = result === undefined ? undefined : scope.valueType(result)
      return { name: builtin.name, result: type, options: optionsOf(options, scope) }
    }
    case 'context.get':
    case 'context.set':
      if (builtin.slot >= CONTEXT_SLOTS) throw refuseComponent(`a task has no context ${builtin.slot}`)
      return builtin
    case 'waitable-set.wait':
    case 'waitable-set.poll':
      return { ...builtin, memory: scope.get('core memory', builtin.memory) }
    case 'error-context.new':
    case 'error-context.debug-message':
      return { ...builtin, options: optionsOf(builtin.options, scope) }
    default: {
      if (!('type' in builtin)) return builtin
      const type = scope.channelType(builtin.type, builtin.name.split('.')[0] as Channel)
      return 'options' in builtin
        ? { ...builtin, type, options: optionsOf(builtin.options, scope) }
        : { ...builtin, type }
    }
  }
}
