/** Every interface that components find here, by its name without a version; resources before those who use them. */
import { cli } from './cli.ts'
import { clocks } from './clocks.ts'
import type { HostInterface } from './definitions.ts'
import { filesystem } from './filesystem.ts'
import { http } from './http.ts'
import { io } from './io.ts'
import { cli3 } from './wasi3/cli.ts'
import { clocks3 } from './wasi3/clocks.ts'
import { filesystem3 } from './wasi3/filesystem.ts'
import { http3 } from './wasi3/http.ts'

/** Those of WASI 0.3. */
export const INTERFACES_3: Readonly<Record<string, HostInterface>> = { ...cli3, ...clocks3, ...filesystem3, ...http3 }

export const INTERFACES: Readonly<Record<string, HostInterface>> = { ...io, ...cli, ...clocks, ...filesystem, ...http }
