/** The only reasons for which a test may be skipped: `context.skip(condition, skipReasons.noJspi)`; any other counts as a failure. */

export const skipReasons = {
  noJspi: 'this runtime cannot suspend a guest (JSPI)',
  noSharedMemory: 'this page or runtime has no SharedArrayBuffer',
  noFileSystem: 'this runtime has no file system that a test may use',
  noOptionalPackage: 'an optional package is not installed',
  noVectors: 'the test vectors of another project are not on this machine',
  noPlatformFeature: 'the operating system lacks what the test is about',
} as const
