/** The script of a worker thread in Node. */
import { parentPort } from 'node:worker_threads'
import { WorkerServer } from './server.ts'

const port = parentPort
if (!port) throw new Error('this file is the script of a worker thread')
const server = new WorkerServer({ post: (message) => port.postMessage(message), end: () => process.exit(1) })
port.on('message', (data) => server.receive(data))
