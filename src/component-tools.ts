/** Tools made of components: what is said of them, and the way to what makes them, which loads when it is used. */
import type { ComponentToolOptions } from './component-tool-maker.ts'
import type { Toka } from './toka.ts'
import type { Tool } from './tool.ts'

export type { ComponentToolOptions } from './component-tool-maker.ts'

/**
 * Makes tools of a component's functions. Each call runs in a sandbox of its own, with the grants and limits given here:
 * what a guest that calls the tool may do is another matter, and its own grant.
 * @throws TokaError TOKA_ENGINE_LOAD for what is no component; TOKA_TOOL_INVALID for a function that no tool can be made
 *   of; TOKA_REQUEST_INVALID for an export that is not there
 * @example const [add] = await componentTools(toka, { module, exports: ['add'] })
 */
export async function componentTools(toka: Toka, options: ComponentToolOptions): Promise<Tool[]> {
  const { makeComponentTools } = await import('./component-tool-maker.ts')
  return makeComponentTools(toka, options)
}
