/** `toka image`: wheels and a lock in, an image of Python packages out; what images there are, and whether they are whole. */
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createToka, TokaError } from '../index.ts'
import type { BuiltPackages, Compile, ListedImage } from '../packages/index.node.ts'
import { ExitCode } from './exit-codes.ts'
import type { Flags } from './flags.ts'
import { IMAGE_HELP } from './help.ts'
import { reasonOf } from './host-text.ts'
import { formatSize } from './quantities.ts'
import { type Command, dispatchSubcommand } from './subcommands.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/** Where images are kept when nothing else is said. */
export const IMAGES_DIRECTORY = join('.toka', 'images')

const directoryOf = (flags: Flags): string => flags.texts.get('images') ?? IMAGES_DIRECTORY

function needed(flags: Flags, name: string): string {
  const given = flags.texts.get(name)
  if (given === undefined) throw new UsageError(`toka image build needs --${name}: see toka image --help`)
  return given
}

/** A directory or a file that is not there is the caller's mistake. */
async function reading<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw new UsageError(`${what}: ${reasonOf(error)}`)
    throw error
  }
}

async function buildFrom(wheels: string, lock: string, terminal: Terminal): Promise<BuiltPackages> {
  await reading(`--wheels ${JSON.stringify(wheels)}`, () => readdir(wheels))
  await reading(`--lock ${JSON.stringify(lock)}`, () => access(lock))
  const { buildPackages, compileIn } = await import('../packages/index.node.ts')
  const toka = await createToka({ isolation: 'inline' })
  const compile: Compile = async (files) => {
    try {
      return await compileIn(toka)(files)
    } catch (error) {
      if (!(error instanceof TokaError) || error.code !== 'TOKA_ENGINE_MISSING') throw error
      terminal.stderr.write(`without bytecode, which the first import of each module will make: ${error.message}\n`)
      return new Map()
    }
  }
  try {
    return await reading('--wheels or --lock', () => buildPackages({ wheels, lock, compile }))
  } finally {
    await toka.dispose()
  }
}

const build: Command = async (flags, terminal) => {
  const { stdout, stderr } = terminal
  if (!flags.flags.has('python')) throw new UsageError('toka image build: say for what: --python')
  const [wheels, lock] = [needed(flags, 'wheels'), needed(flags, 'lock')]
  const { writePackageImage } = await import('../packages/index.node.ts')
  const { name, bytes, packages, left } = await buildFrom(wheels, lock, terminal)
  await reading(`--images ${JSON.stringify(directoryOf(flags))}`, () =>
    writePackageImage(directoryOf(flags), name, bytes),
  )
  if (left.length > 0) stderr.write(`left out, for other environments: ${left.join(', ')}\n`)
  stderr.write(`${packages.length} ${packages.length === 1 ? 'package' : 'packages'}, ${formatSize(bytes.length)}\n`)
  stdout.write(`${name}\n`)
  return ExitCode.good
}

async function imagesOf(flags: Flags): Promise<ListedImage[]> {
  const { listPackageImages } = await import('../packages/index.node.ts')
  return reading(`--images ${JSON.stringify(directoryOf(flags))}`, () => listPackageImages(directoryOf(flags)))
}

const list: Command = async (flags, { stdout }) => {
  const images = await imagesOf(flags)
  if (flags.flags.has('json')) {
    const shown = images.map(({ name, image, problem }) => ({ name, packages: image?.packages ?? [], problem }))
    stdout.write(`${JSON.stringify(shown)}\n`)
    return ExitCode.good
  }
  for (const { name, image, problem } of images) {
    const packages = image?.packages.map((one) => `${one.name}==${one.version}`).join(' ')
    stdout.write(`${name}  ${packages ?? `damaged: ${problem}`}\n`)
  }
  return ExitCode.good
}

const verify: Command = async (flags, { stderr }) => {
  const images = await imagesOf(flags)
  const [wanted] = flags.operands
  const chosen = wanted === undefined ? images : images.filter(({ name }) => name === wanted)
  if (wanted !== undefined && chosen.length === 0) throw new UsageError(`there is no image ${JSON.stringify(wanted)}`)
  const damaged = chosen.filter(({ problem }) => problem !== undefined)
  for (const { name, problem } of damaged) stderr.write(`${name}: ${problem}\n`)
  stderr.write(`${chosen.length - damaged.length} of ${chosen.length} images are whole\n`)
  return damaged.length === 0 ? ExitCode.good : ExitCode.failed
}

export function image(argv: readonly string[], terminal: Terminal): Promise<number> {
  return dispatchSubcommand('image', argv, terminal, IMAGE_HELP, {
    build: { kinds: { python: 'flag', wheels: 'text', lock: 'text', images: 'text' }, run: build },
    list: { kinds: { images: 'text', json: 'flag' }, run: list },
    verify: { kinds: { images: 'text' }, run: verify },
  })
}
