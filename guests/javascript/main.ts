/** Boots a realm: captures what the prelude relies on, fills the global object, and hands the hooks to the bridge. Runs once, at image build. */
import './primordials.ts'
import { shared } from './shared.generated.ts'
import { settle, trackRejection, turn } from './loop.ts'
import { describeModule, loadModule, resolveModule } from './modules/loading.ts'
import { install, random } from './natives.ts'
import type { PartName } from './part-names.ts'
import { part, share } from './parts.ts'
import { defineGlobals, defineHidden, defineLate } from './realm/define.ts'
import { fixErrors } from './realm/errors.ts'
import { run } from './run.ts'
import { queueMicrotask } from './microtask.ts'
import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from './timers.ts'
import { tools } from './tools.ts'
import { decode } from './values/decode.ts'
import { performance } from './web/performance.ts'

const LATE: Record<string, PartName> = {
  AbortController: 'events',
  AbortSignal: 'events',
  Buffer: 'buffer',
  CustomEvent: 'events',
  Event: 'events',
  EventTarget: 'events',
  Headers: 'fetch',
  Request: 'fetch',
  Response: 'fetch',
  TextDecoder: 'text',
  TextEncoder: 'text',
  URL: 'url',
  URLSearchParams: 'url',
  console: 'console',
  crypto: 'crypto',
  fetch: 'fetch',
  process: 'node',
  require: 'node',
  structuredClone: 'clone',
  toka: 'toka',
}

share(shared)
fixErrors()
defineGlobals({
  clearImmediate,
  clearInterval,
  clearTimeout,
  global: globalThis,
  performance,
  queueMicrotask,
  setImmediate,
  setInterval,
  setTimeout,
  tools,
})
for (const [name, from] of Object.entries(LATE)) {
  defineLate(name, () => part(from)[name])
}
defineHidden(Math, 'random', random)

install([run, settle, turn, resolveModule, loadModule, describeModule, trackRejection, decode])
