/** A Python run that found no module in, where packages come from out: the option to add, or how to make an image. */
import type { RunResult } from '../index.ts'
import { IMAGES_DIRECTORY } from './image-commands.ts'

/** CPython's own words; refusals of a sandbox say more behind them. */
const NO_MODULE = /^ModuleNotFoundError: No module named '([A-Za-z0-9_]+)(?:\.[A-Za-z0-9_.]+)?'$/

/** Modules of the library that no sandbox has (docs/python.md): no package brings them. */
const ABSENT = new Set([
  '_curses',
  '_lzma',
  '_tkinter',
  'curses',
  'idlelib',
  'lzma',
  'readline',
  'test',
  'tkinter',
  'turtle',
])

/**
 * @param images the directory of images that was looked in, or would be
 * @returns undefined when it is no such failure
 */
export async function missingModuleHint({ error }: RunResult, images = IMAGES_DIRECTORY): Promise<string | undefined> {
  const [, module] = NO_MODULE.exec(error?.message ?? '') ?? []
  if (module === undefined || ABSENT.has(module)) return undefined
  const { listPackageImages } = await import('../packages/index.node.ts')
  const has = (path: string) => path === `${module}.py` || path.startsWith(`${module}/`)
  const listed = await listPackageImages(images).catch(() => [])
  const found = listed.find(({ image }) => image && [...image.files.keys()].some(has))
  const names = found?.image?.packages.map(({ name }) => name).join()
  if (names !== undefined) return `an image of packages has ${module}: add --packages ${names}`
  return `no image of packages has ${module}: toka image build --python --wheels DIR --lock FILE makes one, --packages NAME uses it; a module of yours beside the program: --mount .:/tool:ro`
}
