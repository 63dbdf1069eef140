/** The private tree as one encoded value, and back: what a snapshot keeps of a sandbox's files. */
import { TokaError } from '../errors.ts'
import { BORDER, type Limits } from '../limits.ts'
import type { DirectoryNode, FileNode, LinkNode, TreeNode } from './file-nodes.ts'
import { isSealed, linkSize } from './file-nodes.ts'
import { isName } from './paths.ts'
import { decodeValue, encodeValue } from './values.ts'

const VERSION = 1
/** Kinds in the image. */
const Kind = { directory: 0, file: 1, link: 2 } as const
/** Values that one node can take in the image: its row, five fields, and a name with an index in its directory. */
const VALUES_A_NODE = 10
const PATH_BYTES = 2 * BORDER.pathBytes

/** [kind, inode, accessed, modified, changed, content]; a directory's content is [name, row][]. */
type Row = [number, number, number, number, number, unknown]

/** Rows in order of first meeting: a directory stands before what it holds, the root is row 0. */
export function writeFileImage(root: DirectoryNode, nextInode: number): Uint8Array {
  const rows: Row[] = []
  const seen = new Map<TreeNode, number>()
  const add = (node: TreeNode): number => {
    const known = seen.get(node)
    if (known !== undefined) return known
    const index = rows.length
    seen.set(node, index)
    const row: Row = [Kind[node.kind], node.inode, node.accessedMs, node.modifiedMs, node.changedMs, undefined]
    rows.push(row)
    if (node.kind === 'directory') {
      const own = [...node.entries].filter(([, entry]) => !isSealed(entry.node))
      row[5] = own.map(([name, entry]) => [name, add(entry.node)])
    } else row[5] = node.kind === 'link' ? node.target : node.data.subarray(0, node.size)
    return index
  }
  add(root)
  const all = Number.MAX_SAFE_INTEGER
  return encodeValue([VERSION, nextInode, rows], { structuredBytes: all, nodes: all })
}

/** What an image brought in. */
type Restored = { nextInode: number; nodes: number; bytes: number }

/** Fills an empty root from image bytes that may be hostile. */
export function readFileImage(
  bytes: Uint8Array,
  root: DirectoryNode,
  limits: Readonly<Pick<Limits, 'fileBytes' | 'fileNodes'>>,
): Restored {
  const nodes = (limits.fileNodes + 2) * VALUES_A_NODE
  const structuredBytes = limits.fileBytes + (limits.fileNodes + 2) * PATH_BYTES
  let image: unknown
  try {
    image = decodeValue(bytes, { structuredBytes, nodes })
  } catch (error) {
    throw error instanceof TokaError && error.code === 'TOKA_VALUE_SIZE' ? tooLarge() : damaged()
  }
  if (!Array.isArray(image) || image.length !== 3 || image[0] !== VERSION) throw damaged()
  const [, nextInode, rows] = image as [number, unknown, unknown]
  if (!isCount(nextInode) || !Array.isArray(rows)) throw damaged()
  const reader = new ImageReader(rows, nextInode, limits)
  reader.fill(root)
  return { nextInode, nodes: reader.nodes, bytes: reader.bytes }
}

class ImageReader {
  nodes = 0
  bytes = 0
  readonly #rows: readonly unknown[]
  readonly #nextInode: number
  readonly #limits: Readonly<Pick<Limits, 'fileBytes' | 'fileNodes'>>
  readonly #made = new Map<number, FileNode | LinkNode>()
  readonly #inodes = new Set<number>()
  #directories = 0

  constructor(rows: readonly unknown[], nextInode: number, limits: Readonly<Pick<Limits, 'fileBytes' | 'fileNodes'>>) {
    this.#rows = rows
    this.#nextInode = nextInode
    this.#limits = limits
  }

  fill(root: DirectoryNode): void {
    const row = this.#row(0)
    if (row[0] !== Kind.directory) throw damaged()
    Object.assign(root, timesOf(row))
    this.#claim(row[1])
    this.#fillDirectory(root, row[5], 0)
    if (this.#made.size + this.#directories !== this.#rows.length) throw damaged() // rows that nothing names
  }

  /** Its own number is claimed before what it holds is read, so no directory is met twice and none holds itself. */
  #fillDirectory(directory: DirectoryNode, content: unknown, depth: number): void {
    this.#directories++
    if (!Array.isArray(content) || depth > BORDER.pathDepth) throw damaged()
    for (const item of content as unknown[]) {
      const [name, row] = Array.isArray(item) && item.length === 2 ? (item as unknown[]) : []
      if (typeof name !== 'string' || !isName(name) || directory.entries.has(name)) throw damaged()
      if (!isCount(row)) throw damaged()
      if (++this.nodes > this.#limits.fileNodes) throw tooLarge()
      directory.entries.set(name, { node: this.#node(row, directory, depth), since: 0 })
    }
  }

  #node(index: number, parent: DirectoryNode, depth: number): TreeNode {
    const known = this.#made.get(index)
    if (known !== undefined) {
      known.links++
      return known
    }
    const row = this.#row(index)
    this.#claim(row[1]) // each inode once: a second way to the same directory ends here
    if (row[0] === Kind.directory) {
      const directory: DirectoryNode = {
        kind: 'directory',
        inode: row[1],
        entries: new Map(),
        parent,
        removed: false,
        ...timesOf(row),
      }
      this.#fillDirectory(directory, row[5], depth + 1)
      return directory
    }
    const node = leafOf(row)
    this.bytes += node.kind === 'file' ? node.size : linkSize(node)
    if (this.bytes > this.#limits.fileBytes) throw tooLarge()
    this.#made.set(index, node)
    return node
  }

  #row(index: number): Row {
    const row = this.#rows[index]
    if (!Array.isArray(row) || row.length !== 6) throw damaged()
    for (let at = 0; at < 5; at++) if (typeof row[at] !== 'number' || !Number.isFinite(row[at])) throw damaged()
    if (!isCount(row[1]) || row[1] >= this.#nextInode) throw damaged()
    return row as Row
  }

  #claim(inode: number): void {
    if (this.#inodes.has(inode)) throw damaged()
    this.#inodes.add(inode)
  }
}

function leafOf(row: Row): FileNode | LinkNode {
  const content = row[5]
  const times = timesOf(row)
  if (row[0] === Kind.file && content instanceof Uint8Array)
    return {
      kind: 'file',
      inode: row[1],
      data: content,
      size: content.length,
      owned: true,
      links: 1,
      opens: 0,
      revision: 0,
      ...times,
    }
  const isTarget = typeof content === 'string' && content !== '' && !content.includes('\0')
  if (row[0] !== Kind.link || !isTarget || content.length > BORDER.pathBytes) throw damaged()
  return { kind: 'link', inode: row[1], target: content, links: 1, ...times }
}

function timesOf(row: Row): { accessedMs: number; modifiedMs: number; changedMs: number } {
  return { accessedMs: row[2], modifiedMs: row[3], changedMs: row[4] }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function damaged(): TokaError {
  return new TokaError('TOKA_IMAGE_INVALID', 'the files of the image are damaged')
}

function tooLarge(): TokaError {
  return new TokaError('TOKA_LIMIT_FILES', 'the files of the image exceed limits.fileBytes or limits.fileNodes')
}
