/** What the processes of a sandbox share: files, mounts, time, randomness, the port, the table of processes. */
import type { Limits } from '../limits.ts'
import type { Clock } from './clock.ts'
import type { FileTree } from './files.ts'
import type { HostPort } from './host-port.ts'
import type { MountTable } from './mounts.ts'
import type { Random } from './random.ts'

/** A tool as a guest is told of it. */
export type ToolDescription = {
  name: string
  description: string
  /** JSON Schema of the argument. */
  input: unknown
  /** JSON Schema of the result. */
  output?: unknown
  readOnly?: boolean
}

export type Services = {
  readonly files: FileTree
  readonly mounts: MountTable
  readonly clock: Clock
  readonly random: Random
  readonly port: HostPort
  readonly limits: Readonly<Limits>
  /** The encoded list of tools. */
  readonly tools: Uint8Array
}
