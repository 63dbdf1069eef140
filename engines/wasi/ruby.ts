/** Ruby as npm has it (@ruby/4.0-wasm-wasi): a reactor without `_start`, driven by the few exports of its own interface. */
import { MESSAGE_LIMIT } from '../../src/errors.ts'
import type { Program } from './program.ts'

/** Its exports that are used here, by the names of the interface (ruby.wasm, ext/witapi). */
const Export = {
  allocate: 'cabi_realloc',
  init: 'ruby-init: func(args: list<string>) -> ()',
  evaluate: 'rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>',
  send: 'rb-funcallv-protect: func(recv: handle<rb-abi-value>, mid: u32, args: list<handle<rb-abi-value>>) -> tuple<handle<rb-abi-value>, s32>',
  intern: 'rb-intern: func(name: string) -> u32',
  failure: 'rb-errinfo: func() -> handle<rb-abi-value>',
  forget: 'rb-clear-errinfo: func() -> ()',
  text: 'rstring-ptr: func(value: handle<rb-abi-value>) -> string',
} as const

/** No gems: they are not there. `-e` keeps it from waiting for a program on stdin. */
const ARGUMENTS = ['ruby', '-EUTF-8', '--disable-gems', '-e_=0']

/** A run ends without an exit, so nothing may stay in buffers. */
const PRELUDE = '$stdout.sync = $stderr.sync = true'

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** What is needed of the instance. */
export type RubyGuest = {
  enter(name: string, args: readonly number[]): Promise<number>
  memory(): WebAssembly.Memory | undefined
  /** The program ended by an error. */
  fail(message: string): void
}

/** Whether a module has Ruby's interface. */
export function isRuby({ functions }: Program): boolean {
  return Object.values(Export).every((name) => functions.has(name))
}

/** The guest answers pointers; those that lie outside its memory are its own fault, and end it. */
function view(ruby: RubyGuest, pointer: number, length: number): DataView {
  const buffer = ruby.memory()?.buffer ?? new ArrayBuffer(0)
  return new DataView(buffer, pointer >>> 0, length >>> 0)
}

/** A string in the guest's memory: its C code reads up to a zero. */
async function lower(ruby: RubyGuest, content: string): Promise<[number, number]> {
  const bytes = utf8.encode(`${content}\0`)
  const pointer = await ruby.enter(Export.allocate, [0, 0, 1, bytes.length])
  const into = view(ruby, pointer, bytes.length)
  new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(bytes)
  return [pointer, bytes.length]
}

/** A pair of numbers that a call answered by its address. */
async function pair(ruby: RubyGuest, name: string, args: readonly number[]): Promise<[number, number]> {
  const result = view(ruby, await ruby.enter(name, args), 8)
  return [result.getInt32(0, true), result.getInt32(4, true)]
}

/** Starts the interpreter: once an instance. */
export async function startRuby(ruby: RubyGuest): Promise<void> {
  const list = await ruby.enter(Export.allocate, [0, 0, 4, ARGUMENTS.length * 8])
  for (const [at, argument] of ARGUMENTS.entries()) {
    const [pointer, length] = await lower(ruby, argument)
    const entry = view(ruby, list + at * 8, 8)
    entry.setInt32(0, pointer, true)
    entry.setInt32(4, length, true)
  }
  await ruby.enter(Export.init, [list, ARGUMENTS.length])
  await pair(ruby, Export.evaluate, await lower(ruby, PRELUDE))
}

/** Runs source text at the top level; what an uncaught exception says goes to `fail`. */
export async function evaluateRuby(ruby: RubyGuest, source: string): Promise<void> {
  const [, state] = await pair(ruby, Export.evaluate, await lower(ruby, source))
  if (state === 0) return
  const error = await ruby.enter(Export.failure, [])
  await ruby.enter(Export.forget, [])
  const message = await ruby.enter(Export.intern, await lower(ruby, 'full_message'))
  const [value, failed] = await pair(ruby, Export.send, [error, message, 0, 0])
  ruby.fail(failed === 0 ? await textOf(ruby, value) : 'an uncaught exception')
}

async function textOf(ruby: RubyGuest, value: number): Promise<string> {
  const [pointer, length] = await pair(ruby, Export.text, [value])
  const bytes = view(ruby, pointer, Math.min(length >>> 0, MESSAGE_LIMIT))
  return text.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)).trimEnd()
}
