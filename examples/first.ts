/** The six lines of the README. */
import { createToka } from 'toka'

const toka = await createToka()
try {
  const result = await toka.run({
    language: 'javascript',
    source: "import fs from 'node:fs'; export default ({ n }) => fs.readFileSync('/greeting.txt', 'utf8').repeat(n)",
    input: { n: 3 },
    files: { '/greeting.txt': 'hip ' },
  })
  console.log(result.status, JSON.stringify(result.value))
} finally {
  await toka.dispose()
}
