/** Every target that can be fuzzed, by name. */
import { codec } from './codec.ts'
import { modules } from './modules.ts'
import { rewriter } from './rewriter.ts'
import type { Target } from './session.ts'
import { syscalls } from './syscalls.ts'
import { verifier } from './verifier.ts'

export const targets: readonly Target[] = [rewriter, codec, syscalls, verifier, modules]
