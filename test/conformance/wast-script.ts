/** A script of the specification's own tests (`.wast`), assembled by wasm-tools, is run; what fails is told by its line. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ComponentBench, type Ended } from '../component-bench.ts'

/** A value as wasm-tools writes it. */
type Value =
  | { type: 'list'; value: Value[] }
  | { type: 'record'; value: [string, Value][] }
  | { type: 'variant'; value: { case: string; payload?: Value } }
  | { type: string; value: string | boolean }

type Action = { module?: string; field: string; args?: Value[] }

type Command = { line: number } & (
  | { type: 'module_definition'; name?: string; filename: string }
  | { type: 'module'; name?: string; filename: string }
  | { type: 'module_instance'; instance?: string; module?: string }
  | { type: 'action'; action: Action }
  | { type: 'assert_return'; action: Action; expected?: Value[] }
  | { type: 'assert_trap'; action: Action; text: string }
  | { type: 'assert_invalid' | 'assert_uninstantiable'; filename: string; text: string }
)

const inCamelCase = (label: string): string => label.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

function valueOf({ type, value }: Value): unknown {
  if (Array.isArray(value))
    return type === 'list'
      ? (value as Value[]).map(valueOf)
      : Object.fromEntries((value as [string, Value][]).map(([label, of]) => [inCamelCase(label), valueOf(of)]))
  if (typeof value === 'object') return { tag: value.case, ...(value.payload && { val: valueOf(value.payload) }) }
  if (type === 'bool') return value === true || value === 'true'
  if (/^[us]64$/.test(type)) return BigInt(value)
  return /^([us](8|16|32)|f32|f64)$/.test(type) ? Number(value) : value
}

/** Lists of bytes are numbers there, and bytes here. */
const shown = (value: unknown): string =>
  JSON.stringify(value instanceof Uint8Array ? [...value] : value, (_, one: unknown) =>
    typeof one === 'bigint' ? `${one}n` : one,
  ) ?? 'nothing'

class Script {
  readonly #folder: string
  readonly #definitions = new Map<string | undefined, string>()
  readonly #instances = new Map<string | undefined, ComponentBench>()
  readonly #opened: ComponentBench[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  /** @returns what is wrong, or undefined */
  async do(command: Command): Promise<string | undefined> {
    switch (command.type) {
      case 'module_definition':
        this.#definitions.set(command.name, command.filename)
        return undefined
      case 'module':
        return this.#open(command.name, command.filename)
      case 'module_instance':
        return this.#open(command.instance, this.#definitions.get(command.module) ?? '')
      case 'assert_invalid':
        return this.#refusal(command.filename)
      case 'assert_uninstantiable': {
        const refused = (await this.#refusal(command.filename)) === undefined
        return refused ? undefined : this.#trap(await this.#instance(undefined).call(''))
      }
      case 'assert_trap':
        return this.#trap(await this.#call(command.action))
      default: {
        const { error, stopped, value } = await this.#call(command.action)
        if (error || stopped) return error?.message ?? stopped
        if (command.type === 'action' || command.expected === undefined) return undefined
        const wanted = shown(command.expected.map(valueOf)[0])
        return shown(value) === wanted ? undefined : `answers ${shown(value)}, not ${wanted}`
      }
    }
  }

  dispose(): void {
    for (const bench of this.#opened) bench.dispose()
  }

  #instance(name: string | undefined): ComponentBench {
    const bench = this.#instances.get(name)
    if (!bench) throw new Error(`there is no instance ${name}`)
    return bench
  }

  #call({ module, field, args = [] }: Action): Promise<Ended> {
    return this.#instance(module).call(field, ...args.map(valueOf))
  }

  #trap({ error, value }: Ended): string | undefined {
    if (error?.code === 'TOKA_GUEST_TRAP') return undefined
    return `does not trap: ${error ? error.message : shown(value)}`
  }

  async #refusal(filename: string): Promise<string | undefined> {
    const failure = await this.#open(undefined, filename)
    return failure === undefined ? 'is accepted' : undefined
  }

  async #open(name: string | undefined, filename: string): Promise<string | undefined> {
    for (const of of [name, undefined]) this.#instances.delete(of)
    try {
      const bench = await ComponentBench.open(Uint8Array.from(readFileSync(join(this.#folder, filename))))
      this.#opened.push(bench)
      for (const of of [name, undefined]) this.#instances.set(of, bench)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
}

/**
 * Runs a script.
 * @param wasmTools the program wasm-tools, which assembles it
 * @returns a line for each command that does not do what it should: its line in the script, and what it does
 */
export async function runWast(wast: string, wasmTools: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'toka-wast-'))
  const script = new Script(folder)
  try {
    const json = join(folder, 'script.json')
    const { status, stderr } = spawnSync(wasmTools, ['json-from-wast', wast, '-o', json, '--wasm-dir', folder])
    if (status !== 0) return [`it is not assembled: ${stderr.toString()}`]
    const { commands } = JSON.parse(readFileSync(json, 'utf8')) as { commands: Command[] }
    const failures: string[] = []
    for (const command of commands) {
      const failure = await script.do(command).catch((error: Error) => error.message)
      if (failure !== undefined) failures.push(`${command.line}: ${failure}`)
    }
    return failures
  } finally {
    script.dispose()
    rmSync(folder, { recursive: true })
  }
}
