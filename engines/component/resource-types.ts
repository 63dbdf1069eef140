/** What a resource type is, and where a core item is found: the ends at which types and plans meet. */

/** A core item: an export of a core instance of the plan, or a function of ours that the plan numbers. */
export type CoreRef =
  | { readonly from: 'instance'; readonly instance: number; readonly name: string }
  | { readonly from: 'trampoline'; readonly trampoline: number }

/** A resource type: the host's, by its name, or one that a component instance of the plan defines. */
export type ResourceType = {
  /** For messages and for the results of calls. */
  name: string
  readonly by:
    | { readonly side: 'host'; readonly key: string }
    | { readonly side: 'guest'; readonly instance: number; readonly destructor: CoreRef | undefined }
}
