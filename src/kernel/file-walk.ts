/** Walks over the private tree: a copy for a fork, the list of what changed, entries in order. */
import type { DirectoryNode, Entry, TreeNode } from './file-nodes.ts'
import { isSealed, linkSize } from './file-nodes.ts'
import { compareNames } from './paths.ts'

/** A file that was created or changed: its canonical path and its size in bytes. */
export type ChangedFile = { path: string; size: number }

/** Entries in the order of their names' bytes. */
export function sortedEntries(directory: DirectoryNode): [string, Entry][] {
  return [...directory.entries].sort(([a], [b]) => compareNames(a, b))
}

/** Files whose content or whose path is younger than the revision `mark`, in order. */
export function listChanged(root: DirectoryNode, mark: number): ChangedFile[] {
  const changed: ChangedFile[] = []
  const walk = (directory: DirectoryNode, prefix: string, moved: boolean): void => {
    for (const [name, { node, since }] of sortedEntries(directory)) {
      if (isSealed(node)) continue
      const path = `${prefix}/${name}`
      const renamed = moved || since > mark
      if (node.kind === 'directory') walk(node, path, renamed)
      else if (node.kind === 'file' && (renamed || node.revision > mark)) changed.push({ path, size: node.size })
    }
  }
  walk(root, '', false)
  return changed
}

/** Copies a tree; files share their bytes until one side writes. Answers the bytes that the copy stands for. */
export function copyTree(root: DirectoryNode, to: DirectoryNode): number {
  const seen = new Map<TreeNode, TreeNode>()
  let bytes = 0
  const copy = (from: DirectoryNode, target: DirectoryNode): void => {
    Object.assign(target, { accessedMs: from.accessedMs, modifiedMs: from.modifiedMs, changedMs: from.changedMs })
    for (const [name, { node, since }] of from.entries) {
      if (isSealed(node)) {
        target.entries.set(name, { node, since })
        continue
      }
      let made = seen.get(node)
      if (made === undefined) {
        made = copyNode(node, target)
        seen.set(node, made)
        bytes += node.kind === 'file' ? node.size : node.kind === 'link' ? linkSize(node) : 0
      }
      target.entries.set(name, { node: made, since })
      if (node.kind === 'directory' && made.kind === 'directory') copy(node, made)
    }
  }
  copy(root, to)
  return bytes
}

function copyNode(node: TreeNode, parent: DirectoryNode): TreeNode {
  if (node.kind === 'directory') return { ...node, entries: new Map(), parent }
  if (node.kind === 'link') return { ...node }
  node.owned = false
  return { ...node, opens: 0 }
}
