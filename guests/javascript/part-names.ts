/** The parts of the prelude, in the order of their numbers at the border; each is the file of that name in parts/. */
export const PART_NAMES = [
  'assert',
  'buffer',
  'clone',
  'console',
  'crypto',
  'events',
  'fetch',
  'hashes',
  'inspect',
  'node',
  'text',
  'toka',
  'url',
  'util',
] as const
export type PartName = (typeof PART_NAMES)[number]
