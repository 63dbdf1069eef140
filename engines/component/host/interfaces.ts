/** Every interface that components find here, by its name without a version; resources before those who use them. */
import { cli } from './cli.ts'
import { clocks } from './clocks.ts'
import type { HostInterface } from './definitions.ts'
import { filesystem } from './filesystem.ts'
import { http } from './http.ts'
import { io } from './io.ts'

export const INTERFACES: Readonly<Record<string, HostInterface>> = { ...io, ...cli, ...clocks, ...filesystem, ...http }
