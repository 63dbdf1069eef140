/** Calls on time, randomness, the process itself, the host's environment and tools. */
import { BORDER } from '../limits.ts'
import { Argument, f64Answer } from './argument.ts'
import { checked, type Handler, named } from './calls-descriptors.ts'
import { errno } from './errno.ts'
import { GuestFacingError } from './host-port.ts'
import { Operation } from './operations.ts'
import { encodeValue } from './values.ts'

const NOTHING = new Uint8Array(0)
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Arguments and environment may be as long as Linux lets them be: 2 MiB (ARG_MAX's usual value). */
const INFO = { structuredBytes: 2 ** 21 }

export const systemCalls: Readonly<Record<number, Handler>> = {
  [Operation.ClockNow]: (process, bytes) =>
    named('clock', () => {
      const argument = new Argument(bytes)
      const clock = argument.u32()
      argument.end()
      if (clock > 1) throw errno('EINVAL')
      return f64Answer(clock === 0 ? process.services.clock.wallMs() : process.services.clock.monotonicMs())
    }),

  [Operation.ClockSleep]: (process, bytes) =>
    named('sleep', () => {
      const argument = new Argument(bytes)
      const milliseconds = argument.f64()
      argument.end()
      return process.services.clock.sleep(milliseconds, process.signal).then(() => NOTHING)
    }),

  [Operation.RandomFill]: (process, bytes) =>
    named('random', () => {
      const argument = new Argument(bytes)
      const length = argument.u32()
      argument.end()
      if (length > BORDER.randomBytes) throw errno('EINVAL')
      return process.services.random.fill(length)
    }),

  [Operation.ProcessInfo]: (process, bytes) =>
    named('info', () => {
      new Argument(bytes).end()
      return encodeValue({ args: [...process.args], env: { ...process.env }, pid: process.pid }, INFO)
    }),

  [Operation.EnvironmentRead]: (process, bytes) =>
    named('getenv', () => encodeValue(process.services.port.environment(nameIn(bytes)))),

  [Operation.ToolList]: (process, bytes) =>
    named('tools', () => {
      new Argument(bytes).end()
      return process.services.tools.slice()
    }),

  [Operation.ToolCall]: (process, bytes) => {
    const argument = new Argument(bytes)
    const name = checked('tool', () => nameIn(argument.bytes(argument.u32())))
    const input = argument.rest().slice() // a copy: the tool may answer when the guest's memory is another's
    const { flatBytes, structuredBytes } = process.services.limits
    const most = Math.max(flatBytes, structuredBytes)
    if (input.length > most)
      throw new GuestFacingError(
        'TOKA_VALUE_SIZE',
        `the argument of ${name} cannot cross the border: it is ${input.length.toLocaleString('en')} bytes; ` +
          `limits.flatBytes and limits.structuredBytes allow ${most.toLocaleString('en')}`,
      )
    return process.leave(() => process.services.port.callTool(name, input, process.signal))
  },
}

/** The name of a tool or of a variable: UTF-8, not empty, bounded like a file's name. */
function nameIn(bytes: Uint8Array): string {
  if (bytes.length === 0 || bytes.length > BORDER.nameBytes) throw errno('EINVAL')
  let name: string
  try {
    name = utf8.decode(bytes)
  } catch {
    throw errno('EILSEQ')
  }
  if (name.includes('\0')) throw errno('EINVAL')
  return name
}
