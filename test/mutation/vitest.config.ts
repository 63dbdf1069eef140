/** The tests that no mutant of capabilities/ should survive: those about grants, programs, proofs and tokens, in Node. */
import { fileURLToPath } from 'node:url'
import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'
import { QuickFirst } from './quick-first.ts'

/** What is mutated (run.ts says), when it is not everything. */
const mutated = process.env['TOKA_MUTATED'] ?? ''
// A quarter of a million programs, each decided twice: for the parts that they are about.
const machine = /^$|model|verify|isa|compile|assembler/.test(mutated) ? ['test/differential/cvm-model.test.ts'] : []

const conditions = ['toka-source', ...defaultServerConditions]

export default defineConfig({
  resolve: {
    conditions,
    alias: [{ find: /^fast-check$/, replacement: fileURLToPath(new URL('fast-check.ts', import.meta.url)) }],
  },
  ssr: { resolve: { conditions } },
  test: {
    testTimeout: 20_000,
    sequence: { sequencer: QuickFirst },
    include: [
      'test/unit/{capabilities,cvm,token}-*.test.ts',
      'test/unit/net-request.test.ts',
      'test/unit/security-callers.test.ts',
      'test/property/capabilities-*.test.ts',
      ...machine,
      'test/redteam/tokens.redteam.test.ts',
    ],
  },
})
