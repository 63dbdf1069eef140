/** The JavaScript engine: an image of QuickJS with our prelude booted, forks of it out. */
import { bridgeWasm } from '../../guests/bridge/bridge.generated.ts'
import { preludePartCount } from '../../guests/javascript/prelude-facts.generated.ts'
import { moduleOf } from '../../src/embedded-wasm.ts'
import type { EngineIo, ExecutionEngine, Instance, ProcessContext } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { decodeValue } from '../../src/kernel/values.ts'
import { cachedImage } from '../../src/loader/cached-image.ts'
import { describeImage, type Image } from '../../src/loader/image.ts'
import { endAfterLast, Spares } from '../../src/room.ts'
import { findSuspension, type Suspension } from '../../src/loader/suspension.ts'
import { Guest } from './guest.ts'
import { QuickJsInstance } from './instance.ts'
import { expectedImage, NAME, PARTS_LIMITS, VERSION } from './recipe.ts'
import { endTransformer, loadTransformer } from './typescript.ts'
import type { GuestModules } from './wiring.ts'

function partsOf({ files }: Image): Uint8Array[] {
  const parts = files && decodeValue(files, PARTS_LIMITS)
  const fits = Array.isArray(parts) && parts.length === preludePartCount
  if (!fits || !parts.every((part) => part instanceof Uint8Array))
    throw new TokaError('TOKA_IMAGE_INVALID', 'the image is refused: parts of the JavaScript prelude are missing')
  return parts as Uint8Array[]
}

/** The modules that forks of an image are linked from. */
function modulesOf(image: Image): GuestModules {
  return {
    interpreter: image.module,
    bridge: moduleOf(bridgeWasm),
    imports: describeImage(image).functionImports,
    layout: image.layout,
    parts: partsOf(image),
  }
}

/** Everything that forks of one module share. */
type Line = {
  modules: GuestModules
  /** What guests are wiped to: the start image of the language, which holds nothing of any sandbox. */
  start: Image
  spares: Spares<Guest>
}

/** Guests that wait wiped for their next sandbox, in each thread. Each holds about a megabyte. */
const MOST_SPARES = 4

/** Kept by the module, which forks and their snapshots share. */
const lines = new WeakMap<WebAssembly.Module, Line>()

/** @param base the start image: the first sandbox of a process may come from a snapshot, whose state is a tenant's */
function lineOf(base: Image): Line {
  let line = lines.get(base.module)
  if (!line) {
    line = { modules: modulesOf(base), start: base, spares: new Spares(MOST_SPARES) }
    lines.set(base.module, line)
  }
  return line
}

/** A guest loaded with the image: a spare one, or a new one. */
function takeGuest({ modules, spares }: Line, image: Image, suspension: Suspension | undefined): Guest {
  const spare = spares.take()
  if (spare?.load(image)) return spare
  const guest = new Guest(modules, suspension)
  guest.load(image)
  return guest
}

endAfterLast(endTransformer)

export const quickjs: ExecutionEngine = {
  name: NAME,
  version: VERSION,
  languages: ['javascript', 'typescript'],

  async prepare(io: EngineIo): Promise<Image> {
    const expected = await expectedImage()
    return cachedImage(expected, io.cache, async () => (await import('./build-image.ts')).buildImage(expected, io))
  },

  async fork(image: Image, context: ProcessContext): Promise<Instance> {
    const line = lineOf(context.base)
    const suspension = await findSuspension()
    // A guest that cannot wait for it needs it ready, whatever it imports later.
    if (!suspension) await loadTransformer()
    const guest = takeGuest(line, image, suspension)
    return new QuickJsInstance(guest, image, line.modules.parts, context, (done) => {
      if (!line.spares.full && done.wipe(line.start)) line.spares.put(done)
    })
  },
}
