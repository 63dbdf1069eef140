/** Files of an image by their paths in, nodes out that every sandbox's tree can hold: shared, never changed, counted for none. */
import type { DirectoryNode, FileNode, TreeNode } from './file-nodes.ts'

/** Numbers of sealed nodes, far from those that a tree gives. */
const FIRST_INODE = 2 ** 40

/**
 * @param files contents by relative path; an empty directory is a path that ends in a slash
 * @param atMs what their times say
 */
export function sealFiles(files: Readonly<Record<string, Uint8Array>>, atMs: number): Map<string, TreeNode> {
  let inode = FIRST_INODE
  const times = { accessedMs: atMs, modifiedMs: atMs, changedMs: atMs }
  const directoryNode = (parent: DirectoryNode | undefined): DirectoryNode => ({
    ...{ kind: 'directory', sealed: true, inode: inode++, entries: new Map(), parent, removed: false },
    ...times,
  })
  const fileNode = (data: Uint8Array): FileNode => ({
    ...{ kind: 'file', sealed: true, inode: inode++, data, size: data.length },
    ...{ owned: false, links: 1, opens: 0, revision: 0 },
    ...times,
  })
  const root = directoryNode(undefined)
  for (const [path, data] of Object.entries(files)) {
    const names = path.split('/')
    const last = names.pop() as string
    let directory = root
    for (const name of names) {
      const present = directory.entries.get(name)?.node
      const next = present?.kind === 'directory' ? present : directoryNode(directory)
      directory.entries.set(name, { node: next, since: 0 })
      directory = next
    }
    if (last !== '') directory.entries.set(last, { node: fileNode(data), since: 0 })
  }
  return new Map([...root.entries].map(([name, { node }]) => [name, node]))
}
