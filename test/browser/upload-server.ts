/** A server in Node that a page's guests send bodies to, and what it has heard: for tests in browsers. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserCommand } from 'vitest/node'

/** A request as it came. `first` and `last`: bytes of its body. */
export type HeardRequest = {
  method: string
  path: string
  bytes: number
  first: number | undefined
  last: number | undefined
  length: string | undefined
  encoding: string | undefined
}

let server: Server | undefined
let heard: HeardRequest[] = []

/** Any page may send anything, and reads the answer: how many bytes came. */
function listen(): Server {
  return createServer(async (request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-methods', '*')
    response.setHeader('access-control-allow-headers', '*')
    if (request.method === 'OPTIONS') return void response.end()
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
    } catch {
      return
    }
    const body = Buffer.concat(pieces)
    heard.push({
      method: request.method ?? '',
      path: request.url ?? '',
      bytes: body.length,
      first: body[0],
      last: body.at(-1),
      length: request.headers['content-length'],
      encoding: request.headers['transfer-encoding'],
    })
    response.end(String(body.length))
  })
}

/** Answers the port. */
export const openUploadServer: BrowserCommand<[]> = async () => {
  const opened = (server ??= listen())
  if (!opened.listening) await new Promise<void>((done) => opened.listen(0, '127.0.0.1', done))
  return (opened.address() as AddressInfo).port
}

/** What came since it was asked last. */
export const heardUploads: BrowserCommand<[]> = () => {
  const all = heard
  heard = []
  return all
}

export const closeUploadServer: BrowserCommand<[]> = async () => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
}
