/** A private tree in, an error out when it is not what a tree must be: its counts, its limits, its links, its names. */
import { BORDER } from '../../src/limits.ts'
import type { DirectoryNode, FileNode, LinkNode } from '../../src/kernel/file-nodes.ts'
import { linkSize } from '../../src/kernel/file-nodes.ts'
import type { FileTree } from '../../src/kernel/files.ts'
import { isName } from '../../src/kernel/paths.ts'

type Leaf = FileNode | LinkNode

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`the file tree is broken: ${what}`)
}

/** @param settled whether no descriptor is open: then nothing may be held that has no name */
export function checkTree(tree: FileTree, settled: boolean): void {
  const names = new Map<Leaf, number>()
  let nodes = 0
  const walk = (directory: DirectoryNode, depth: number): void => {
    must(!directory.removed, 'a removed directory has a name')
    must(depth <= BORDER.pathDepth, `${depth} levels`)
    for (const [name, { node }] of directory.entries) {
      nodes++
      must(isName(name), `the name ${JSON.stringify(name)}`)
      if (node.kind !== 'directory') names.set(node, (names.get(node) ?? 0) + 1)
      else {
        must(node.parent === directory, 'a directory has another parent')
        walk(node, depth + 1)
      }
    }
  }
  walk(tree.root, 0)
  const bytes = checkLeaves(names, tree, settled)
  const { usage, limits } = tree
  must(usage.nodes === nodes, `${nodes} names, ${usage.nodes} counted`)
  must(settled ? usage.bytes === bytes : usage.bytes >= bytes, `${bytes} bytes, ${usage.bytes} counted`)
  must(usage.bytes <= limits.fileBytes, `${usage.bytes} bytes of ${limits.fileBytes}`)
  must(nodes <= limits.fileNodes, `${nodes} names of ${limits.fileNodes}`)
}

function checkLeaves(names: ReadonlyMap<Leaf, number>, { limits }: FileTree, settled: boolean): number {
  let bytes = 0
  for (const [node, count] of names) {
    must(node.links === count, `${count} names of a node with ${node.links} links`)
    bytes += node.kind === 'file' ? node.size : linkSize(node)
    if (node.kind === 'link') continue
    must(node.data.length >= node.size, 'a file is larger than its bytes')
    must(node.data.length <= limits.fileBytes, `a file keeps ${node.data.length} bytes`)
    must(settled ? node.opens === 0 : node.opens >= 0, `${node.opens} descriptors hold a file`)
    must(
      !node.owned || node.data.subarray(node.size).every((byte) => byte === 0),
      'bytes of before lie behind the end of a file',
    )
  }
  return bytes
}
