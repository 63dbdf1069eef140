/** The packages that a request names in, the image that has them all out. */
import { TokaError } from '../errors.ts'
import type { PackageImage } from './package-image.ts'
import { WANTED } from './wanted.ts'
import { normalName } from './wheel-name.ts'

function has({ packages }: PackageImage, wanted: string): boolean {
  const [, name = '', version] = WANTED.exec(wanted) ?? []
  return packages.some((one) => one.name === normalName(name) && (version === undefined || one.version === version))
}

/**
 * Chooses the image with the fewest packages that has all that are wanted.
 * @throws TokaError TOKA_PACKAGE_MISSING naming what no image has
 */
export function chooseImage(images: readonly PackageImage[], wanted: readonly string[]): PackageImage {
  const [best] = images
    .filter((image) => wanted.every((name) => has(image, name)))
    .toSorted((a, b) => a.packages.length - b.packages.length || (a.name < b.name ? -1 : 1))
  if (best) return best
  const absent = wanted.filter((name) => !images.some((image) => has(image, name)))
  const what = absent.length > 0 ? `no image has ${absent.join(', ')}` : `no one image has all of ${wanted.join(', ')}`
  throw new TokaError(
    'TOKA_PACKAGE_MISSING',
    `${what}: toka image build --python --wheels DIR --lock FILE makes one (docs/python.md, Packages)`,
  )
}
