/** Untrusted: looks for a secret in the environment, and tries to change the data that others rely on. */
import fs from 'node:fs'

/** @param {{ secret: string, file: string }} input */
export default function ({ secret, file }) {
  const found = process.env[secret]
  const said = [`process.env.${secret}: ${found === undefined ? 'undefined' : `got ${found.length} characters`}`]
  try {
    fs.writeFileSync(file, 'nothing is true')
    said.push(`${file}: overwritten`)
  } catch (error) {
    said.push(`${file}: ${error.code}`)
  }
  return said
}
