/** Untrusted: tries to read more than it was given, and says what it got. */
import fs from 'node:fs'

/** @param {{ paths: string[] }} input */
export default function ({ paths }) {
  return paths.map((path) => {
    try {
      return `${path}: got ${fs.readFileSync(path).length} bytes`
    } catch (error) {
      return `${path}: ${error.code}`
    }
  })
}
