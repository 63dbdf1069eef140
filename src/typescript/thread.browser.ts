/** `#typescript` in browsers: a module worker that runs serve.browser.ts. */
import type { StartTransformer } from './transformer-thread.ts'

export const startTransformer: StartTransformer = ({ message, ended }) => {
  const worker = new Worker(new URL('../typescript/serve.browser.ts', import.meta.url), {
    type: 'module',
    name: 'toka-typescript',
  })
  worker.onmessage = ({ data }) => message(data)
  worker.onmessageerror = () => message(undefined)
  worker.onerror = (event) => {
    event.preventDefault()
    worker.terminate()
    ended(event.message || 'its script could not be loaded')
  }
  return { post: (task) => worker.postMessage(task), hold: () => {}, end: async () => worker.terminate() }
}
