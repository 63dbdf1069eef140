/** The tests that no mutant of capabilities/ should survive: those about grants, programs, proofs and tokens, in Node. */
import { fileURLToPath } from 'node:url'
import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

const conditions = ['toka-source', ...defaultServerConditions]

export default defineConfig({
  resolve: {
    conditions,
    alias: [{ find: /^fast-check$/, replacement: fileURLToPath(new URL('fast-check.ts', import.meta.url)) }],
  },
  ssr: { resolve: { conditions } },
  test: {
    testTimeout: 20_000,
    include: [
      'test/unit/{capabilities,cvm,token}-*.test.ts',
      'test/unit/net-request.test.ts',
      'test/unit/security-callers.test.ts',
      'test/property/capabilities-*.test.ts',
      'test/differential/cvm-model.test.ts',
      'test/redteam/tokens.redteam.test.ts',
    ],
  },
})
