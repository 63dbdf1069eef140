/** Untrusted: reads the data that it may read, and tries to send it away. */
import fs from 'node:fs'

/** @param {{ file: string, to: string }} input */
export default async function ({ file, to }) {
  const text = fs.readFileSync(file, 'utf8').slice(0, 200)
  try {
    await tools.send({ to, text })
    return [`sent ${text.length} characters to ${to}`]
  } catch (error) {
    return [`tools.send: ${error.code}`]
  }
}
