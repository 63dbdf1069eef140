/** What a run asks of the embedding thread where its guest keeps this one: what follows from an answer is heard without another. */
import { expect, test } from 'vitest'
import { type Mail, putMail } from '../../src/sandbox/mailbox.ts'
import { announce, makeCell } from '../../src/sandbox/run-cell.ts'
import { OpenQuestions } from '../../src/worker/open-questions.ts'

const MAIL: Mail = { state: 'done', payload: Uint8Array.of(7) }

function asked() {
  const cell = makeCell()
  const questions = new OpenQuestions(cell, 64)
  let mailbox: SharedArrayBuffer | undefined
  const answer = questions.ask((sent) => {
    mailbox = sent
  })
  const reply = (): void => {
    putMail(mailbox as SharedArrayBuffer, MAIL)
    announce(cell, () => {})
  }
  return { questions, answer, reply }
}

test('an answer is told once the bell rang, with all that follows from it', () => {
  const { questions, answer, reply } = asked()
  let heard = 0
  answer.then(() => 1).then((value) => (heard = value))
  expect(questions.tell()).toBe(false)
  reply()
  expect(questions.tell()).toBe(true)
  expect(heard).toBe(1)
  expect(questions.tell()).toBe(false)
})

test('what is made to follow from an answer that was told already does not wait for the next bell', () => {
  const { questions, answer, reply } = asked()
  reply()
  questions.tell()
  let heard = 0
  answer.then(() => (heard = 1))
  const begun = performance.now()
  questions.wait(5_000)
  expect(heard).toBe(1)
  expect(performance.now() - begun).toBeLessThan(4_000)
})
