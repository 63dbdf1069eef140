/** A directory of package images: written whole, listed, verified, and searched for the packages of a request. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TokaError } from '../errors.ts'
import { decodePackages, type PackageImage } from './package-image.ts'

const SUFFIX = '.tokapy'
const NAME = /^python-[0-9a-f]{64}$/

export type ListedImage = { name: string; image?: PackageImage; problem?: string }

/** Readers see the whole image or none. */
export async function writePackageImage(directory: string, name: string, bytes: Uint8Array): Promise<string> {
  await mkdir(directory, { recursive: true })
  const path = join(directory, name + SUFFIX)
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFile(draft, bytes, { flag: 'wx' })
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  return path
}

async function namesIn(directory: string): Promise<string[]> {
  const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return files
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .filter((name) => NAME.test(name))
    .toSorted()
}

async function readImage(directory: string, name: string): Promise<PackageImage> {
  return decodePackages(new Uint8Array(await readFile(join(directory, name + SUFFIX))), name)
}

/** Every image of a directory, read and checked: a damaged one has a problem instead. */
export async function listPackageImages(directory: string): Promise<ListedImage[]> {
  const listed: ListedImage[] = []
  for (const name of await namesIn(directory)) {
    try {
      listed.push({ name, image: await readImage(directory, name) })
    } catch (error) {
      if (!(error instanceof TokaError)) throw error
      listed.push({ name, problem: error.message })
    }
  }
  return listed
}

/** The sound images of a directory, for `createToka({ packageImages })`. */
export async function packageImagesIn(directory: string): Promise<PackageImage[]> {
  return (await listPackageImages(directory)).flatMap(({ image }) => (image ? [image] : []))
}
