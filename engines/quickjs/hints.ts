/** What a guest's error leaves unsaid: a sandbox lacks much that programs for Node or pages take for granted. For the host's eyes. */

const TOOL = 'give the run a tool that does it'
const COMMON_JS = 'a tool is a script, or a module with "export default"; CommonJS is not known here'

/** By global name: what to do instead. */
const GLOBALS: Record<string, string> = {
  fetch: TOOL,
  XMLHttpRequest: TOOL,
  WebSocket: TOOL,
  WebAssembly: TOOL,
  Intl: 'format dates and numbers by hand, or with a bundled library',
  Blob: 'use Uint8Array',
  ReadableStream: 'use async iterables',
  WritableStream: 'use async iterables',
  TransformStream: 'use async iterables',
  MessageChannel: 'use promises',
  Worker: TOOL,
  document: 'there is no page here',
  window: 'there is no page here; the global object is globalThis',
  localStorage: 'write files',
  module: COMMON_JS,
  exports: COMMON_JS,
  __dirname: 'use import.meta.dirname in a module, or process.cwd()',
  __filename: 'use import.meta.filename in a module',
  Deno: 'use the modules of Node that a sandbox has',
  Bun: 'use the modules of Node that a sandbox has',
}

/** @returns what to add to an error's message, or an empty string */
export function hintFor(name: string, message: string): string {
  const global = name === 'ReferenceError' ? /^(\w+) is not defined$/.exec(message)?.[1] : undefined
  if (global !== undefined && Object.hasOwn(GLOBALS, global))
    return `: it is not available in a sandbox: ${GLOBALS[global]}`
  if (name === 'TypeError' && message.startsWith('class constructors must be invoked with'))
    return ': if the default export is a class, export a function or a value instead'
  if (name !== 'SyntaxError') return ''
  if (/^Could not find export '.*' in module 'node:/.test(message))
    return ': a sandbox has a part of this module; members that it lacks name their substitute when they are used'
  return message.includes("'@'") ? ': decorators are not supported' : ''
}

/** What a sandbox's file that an import asks for may need. */
export function missingFileHint(code: unknown, message: string): string {
  const path = code === 'ENOENT' ? /open '(\/tool\/[^']*)'$/.exec(message)?.[1] : undefined
  return path === undefined
    ? ''
    : `: put it into "files", or mount its directory at ${path.replace(/\/[^/]*$/, '')}, or bundle the program first`
}
