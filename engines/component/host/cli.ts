/** wasi:cli: arguments and environment as they were given, the three streams, the end of the program. */
import { Operation } from '../../../src/kernel/operations.ts'
import { BORDER } from '../../../src/limits.ts'
import { list, option, primitive, result, tuple } from '../wit-types.ts'
import { func, type HostInterface, hostResource, type Result, type World } from './definitions.ts'
import { inputStream, outputStream } from './io.ts'
import { InputStream, OutputStream } from './streams.ts'

const string = primitive('string')
const terminalInput = hostResource('wasi:cli/terminal-input', 'terminal-input')
const terminalOutput = hostResource('wasi:cli/terminal-output', 'terminal-output')

/** The three streams are descriptors of the process, as for every guest. */
const Descriptor = { stdin: 0, stdout: 1, stderr: 2 } as const

function readArgument(fd: number, length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16))
  view.setUint32(0, fd, true)
  view.setUint32(4, Math.min(length, BORDER.transferBytes), true)
  view.setFloat64(8, -1, true)
  return new Uint8Array(view.buffer)
}

function writeArgument(fd: number, bytes: Uint8Array): Uint8Array {
  const argument = new Uint8Array(4 + bytes.length)
  new DataView(argument.buffer).setUint32(0, fd, true)
  argument.set(bytes, 4)
  return argument
}

export function standardInput({ process }: World): InputStream {
  return new InputStream((length) => process.call(Operation.FdRead, readArgument(Descriptor.stdin, length)), {
    origin: 'stdin',
  })
}

export function standardOutput({ process }: World, name: 'stdout' | 'stderr'): OutputStream {
  const write = (bytes: Uint8Array) => {
    const answer = process.call(Operation.FdWrite, writeArgument(Descriptor[name], bytes))
    const count = (written: Uint8Array) => new DataView(written.buffer, written.byteOffset).getUint32(0, true)
    return answer instanceof Promise ? answer.then(count) : count(answer)
  }
  return new OutputStream(write, { origin: name })
}

/** No stream of a sandbox is a terminal. */
const noTerminal = (resource: { own: ReturnType<typeof option> }) => func([], option(resource.own), () => undefined)

/** The root is where a program begins that is told of no directory. */
function initialDirectory(cwd: string): string | undefined {
  return cwd === '/' ? undefined : cwd
}

export const cli: Readonly<Record<string, HostInterface>> = {
  'wasi:cli/environment': {
    'get-environment': func([], list(tuple([string, string])), ({ process }: World) => Object.entries(process.env)),
    'get-arguments': func([], list(string), ({ process, program }: World) => [
      program.slice(program.lastIndexOf('/') + 1),
      ...process.args,
    ]),
    'initial-cwd': func([], option(string), ({ process }: World) => initialDirectory(process.cwd)),
  },
  'wasi:cli/exit': {
    exit: func([result()], undefined, (world: World, { tag }: Result) => world.exit(tag === 'ok' ? 0 : 1)),
    'exit-with-code': func([primitive('u8')], undefined, (world: World, code: number) => world.exit(code)),
  },
  'wasi:cli/stdin': { 'get-stdin': func([], inputStream.own, (world: World) => standardInput(world)) },
  'wasi:cli/stdout': { 'get-stdout': func([], outputStream.own, (world: World) => standardOutput(world, 'stdout')) },
  'wasi:cli/stderr': { 'get-stderr': func([], outputStream.own, (world: World) => standardOutput(world, 'stderr')) },
  // Of these only the resources have names: there is none of them.
  'wasi:cli/terminal-input': {},
  'wasi:cli/terminal-output': {},
  'wasi:cli/terminal-stdin': { 'get-terminal-stdin': noTerminal(terminalInput) },
  'wasi:cli/terminal-stdout': { 'get-terminal-stdout': noTerminal(terminalOutput) },
  'wasi:cli/terminal-stderr': { 'get-terminal-stderr': noTerminal(terminalOutput) },
}
