/** Boots a realm: captures what the prelude relies on, fills the global object, and hands the hooks to the bridge. Runs once, at image build. */
import './primordials.ts'
import './realm/boot-only.ts'
import { fixErrors } from './realm/errors.ts'
import { install, random } from './natives.ts'
import { console } from './console.ts'
import { settle, trackRejection, turn } from './loop.ts'
import { describeModule, loadModule, resolveModule } from './modules/loading.ts'
import { require } from './modules/builtins.ts'
import { process } from './modules/process.ts'
import { defineGlobals, defineHidden } from './realm/define.ts'
import { run } from './run.ts'
import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from './timers.ts'
import { tools } from './tools.ts'
import { AbortController, AbortSignal } from './web/abort.ts'
import { structuredClone } from './web/clone.ts'
import { CustomEvent, Event, EventTarget } from './web/events.ts'
import { performance } from './web/performance.ts'
import { crypto } from './web/random.ts'
import { TextDecoder, TextEncoder } from './web/text-coding.ts'
import { URL, URLSearchParams } from './web/url.ts'
import { leaveBoot } from './realm/boot-only.ts'

leaveBoot()
fixErrors()
defineGlobals({
  AbortController,
  AbortSignal,
  CustomEvent,
  Event,
  EventTarget,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  clearImmediate,
  clearInterval,
  clearTimeout,
  console,
  crypto,
  global: globalThis,
  performance,
  process,
  require,
  setImmediate,
  setInterval,
  setTimeout,
  structuredClone,
  tools,
})
defineHidden(Math, 'random', random)

install([run, settle, turn, resolveModule, loadModule, describeModule, trackRejection])
