/** The surface of `toka/packages` in Node: Python packages for sandboxes, built from wheels by hash. */
export { type BuildPackagesOptions, type BuiltPackages, buildPackages } from './build.node.ts'
export { type Compile, compileIn } from './bytecode.ts'
export { type ListedImage, listPackageImages, packageImagesIn, writePackageImage } from './image-directory.node.ts'
export { decodePackages, type ImagePackage, type PackageImage } from './index.ts'
