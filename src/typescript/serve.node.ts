/** The script of the thread that transforms TypeScript, in Node. */
import { parentPort } from 'node:worker_threads'
import { serve } from './serve.ts'

parentPort?.on('message', (task) => parentPort?.postMessage(serve(task)))
