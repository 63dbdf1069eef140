/** The surface of `toka/packages` in pages: images of Python packages that were built elsewhere are read. */
export { decodePackages, type ImagePackage, type PackageImage } from './package-image.ts'
