/**
 * The specification's own tests of asynchronous components (github.com/WebAssembly/component-model, test/async), where
 * `TOKA_COMPONENT_MODEL` names a checkout and `TOKA_WASM_TOOLS` the program that assembles them (wasm-tools).
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { skipReasons } from '../skip-reasons.ts'
import { runWast } from './wast-script.ts'

const folder = join(process.env['TOKA_COMPONENT_MODEL'] ?? '', 'test/async')
const tools = process.env['TOKA_WASM_TOOLS'] ?? ''
const isThere = tools !== '' && existsSync(folder)
const names = isThere ? readdirSync(folder).filter((name) => name.endsWith('.wast')) : []

const THREADS = /threads of its own are not supported|there is no instance/
const OUTSIDE = /takes or gives streams, futures or error contexts: components alone can call it/

/** Scripts that we do not pass: each of their failures is of this kind. docs/components.md says why. */
const FAILURES: Readonly<Record<string, RegExp>> = {
  // The specification took the word away (pull request 716), and the assembler of October 2026 with it.
  'cancellable.wast': /`cancellable` option is no longer supported/,
  'during-sync-call-may-block-if-other-ready-threads.wast': THREADS,
  'during-sync-call-no-exclusive-resume.wast': THREADS,
  'during-sync-call-no-sibling-resume.wast': THREADS,
  'trap-if-block-and-sync.wast': THREADS,
  'trap-if-sync-and-waitable-set.wast': THREADS,
  'trap-if-done.wast': OUTSIDE,
  'trap-if-transfer-in-waitable-set.wast': OUTSIDE,
  // It wants a call to have begun while another holds the instance; of the definitions, only its waiting can come of that.
  'sync-streams.wast': /^208: .*unreachable/,
  // Calls between a component and one inside it trap "for now" there, and not by the definitions.
  'trap-on-reenter.wast': /^(86|110): does not trap/,
}

const suspends = await canSuspend()

if (isThere && suspends)
  test.each(names)('%s', async (name) => {
    const failures = await runWast(join(folder, name), tools)
    const known = FAILURES[name]
    if (!known) return expect(failures).toEqual([])
    expect(failures).not.toEqual([])
    for (const failure of failures) expect(failure).toMatch(known)
  })

test('the specification has its tests of asynchronous components, most of which pass', ({ skip }) => {
  skip(!isThere, skipReasons.noVectors)
  skip(!suspends, skipReasons.noJspi)
  expect(names.length).toBeGreaterThanOrEqual(34)
  expect(names).toEqual(expect.arrayContaining(Object.keys(FAILURES)))
})
