/** The script of the worker that transforms TypeScript, in browsers. */
import { serve } from './serve.ts'

/** This file's global object; TypeScript's library for pages does not declare it. */
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent) => void) | null
  postMessage(message: object): void
}

scope.onmessage = ({ data }) => scope.postMessage(serve(data))
