/** One test suite, two projects: every test file runs in Node and in Chromium, but for the ones whose suffix names a runtime. */
import { availableParallelism } from 'node:os'
import { playwright } from '@vitest/browser-playwright'
import { defaultClientConditions, defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'
import { seenInNode, snapshotInNode } from './test/browser/node-side.ts'
import { closeUploadServer, heardUploads, openUploadServer } from './test/browser/upload-server.ts'

const kinds = ['unit', 'property', 'differential', 'conformance', 'limits', 'redteam', 'browser', 'types']
const include = kinds.map((kind) => `test/${kind}/**/*.test.ts`)

// The sources themselves are tested, not dist: the condition picks the `.ts` files in package.json's `imports` and `exports`.
const sourceCondition = 'toka-source'

// A page that shares memory with its workers must be cross-origin isolated.
const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

const chromiumPath = process.env.TOKA_CHROMIUM
// Chromium refuses its own sandbox as root, so it is switched off only there.
const chromiumArgs = process.getuid?.() === 0 ? ['--no-sandbox'] : []

export default defineConfig({
  server: { headers: isolationHeaders },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        resolve: { conditions: [sourceCondition, ...defaultServerConditions] },
        ssr: { resolve: { conditions: [sourceCondition, ...defaultServerConditions] } },
        test: {
          name: 'node',
          include,
          exclude: ['**/*.browser.test.ts'],
          pool: 'forks',
          // One a processor but one is the default: on a machine with two that leaves the second idle.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // Workers that the library starts are loaded by Node itself, outside Vite.
          execArgv: [`--conditions=${sourceCondition}`, '--disable-warning=ExperimentalWarning'],
        },
      },
      {
        resolve: { conditions: [sourceCondition, ...defaultClientConditions] },
        server: { headers: isolationHeaders },
        test: {
          name: 'chromium',
          include,
          exclude: ['**/*.node.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            commands: { snapshotInNode, seenInNode, openUploadServer, heardUploads, closeUploadServer },
            provider: playwright({
              launchOptions: { args: chromiumArgs, ...(chromiumPath ? { executablePath: chromiumPath } : {}) },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
