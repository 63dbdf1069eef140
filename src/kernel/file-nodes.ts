/** What the private tree is made of: files with copy-on-write bytes, directories, symbolic links. */
import type { FileStat } from './host-port.ts'

const encoder = new TextEncoder()

type Times = { accessedMs: number; modifiedMs: number; changedMs: number }

/** Of what an image brings: shared by all sandboxes, changed by none, counted for none, never part of a snapshot. */
type Sealed = { readonly sealed?: true }

export type FileNode = Times &
  Sealed & {
    readonly kind: 'file'
    readonly inode: number
    /** At least `size` bytes; what lies beyond is zero when `owned`. */
    data: Uint8Array
    size: number
    /** False while another tree may hold the same array: it is copied before the first write. */
    owned: boolean
    links: number
    /** Descriptors that hold it open: an unlinked file lives until the last is closed. */
    opens: number
    /** Revision of the tree at the last change of the content. */
    revision: number
  }

export type LinkNode = Times & { readonly kind: 'link'; readonly inode: number; readonly target: string; links: number }

/** A name in a directory. `since` is the revision at which the name came to mean this node. */
export type Entry = { node: TreeNode; since: number }

export type DirectoryNode = Times &
  Sealed & {
    readonly kind: 'directory'
    readonly inode: number
    readonly entries: Map<string, Entry>
    /** Sealed files lie in it: it stays where it is. */
    grafted?: true
    /** Undefined for the root, and for a directory that has been removed. */
    parent: DirectoryNode | undefined
    removed: boolean
  }

export type TreeNode = FileNode | LinkNode | DirectoryNode

/** Whether a node belongs to an image. */
export function isSealed(node: TreeNode): boolean {
  return node.kind !== 'link' && node.sealed === true
}

/** Bytes of a link's target: it is as long as a path. */
export function linkSize(node: LinkNode): number {
  return encoder.encode(node.target).length
}

/** What `stat` answers about a node. A directory has one link, as on btrfs: nobody counts its children. */
export function statOf(node: TreeNode): FileStat {
  return {
    kind: node.kind,
    size: node.kind === 'file' ? node.size : node.kind === 'link' ? linkSize(node) : 0,
    modifiedMs: node.modifiedMs,
    accessedMs: node.accessedMs,
    changedMs: node.changedMs,
    inode: node.inode,
    links: node.kind === 'directory' ? 1 : node.links,
  }
}

/** Levels of directories beneath and including this one. */
export function heightOf(directory: DirectoryNode): number {
  let height = 0
  for (const { node } of directory.entries.values())
    if (node.kind === 'directory') height = Math.max(height, heightOf(node))
  return height + 1
}

/** Names from the root to this directory. */
export function depthOf(directory: DirectoryNode): number {
  let depth = 0
  for (let node = directory.parent; node !== undefined; node = node.parent) depth++
  return depth
}
