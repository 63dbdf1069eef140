/** A module's image in, what instances are made from out: its imports with who answers them, its exports, how it begins. */
import { TokaError } from '../../src/errors.ts'
import { decodeValue } from '../../src/kernel/values.ts'
import type { BorderImport } from '../../src/loader/border.ts'
import type { ExportDescription, ModuleDescription } from '../../src/loader/describe.ts'
import { describeImage, type Image } from '../../src/loader/image.ts'
import { AddedExport } from '../../src/loader/layout.ts'
import { type Row, rowOf } from './interfaces.ts'

export type FunctionExport = Extract<ExportDescription, { kind: 'function' }>

/** One function that a program imports. */
export type ProgramImport = { row: Row; border: BorderImport }

/** A module as its instances need it: the same for all of them. */
export type Program = {
  module: WebAssembly.Module
  imports: readonly ProgramImport[]
  /** The imported functions in their order, one of them maybe several times. */
  importNames: readonly { module: string; name: string }[]
  functions: ReadonlyMap<string, FunctionExport>
  /** Runs once, from its beginning to its end; else its exports are called. */
  isCommand: boolean
  /** Whether a start function runs before anything else. */
  hasStart: boolean
  /** Pages that the memory may have at most. */
  maximumPages: number
  /** Why the state of an instance cannot be saved, when it cannot. */
  unsavable: string | undefined
}

/** What the border counts an import as. */
const OPERATION = 220

/** What exports of these names mean (WASI, legacy/application-abi.md). */
export const Entry = { command: '_start', reactor: '_initialize' } as const

/**
 * What answers a module's imports.
 * @throws TokaError TOKA_ENGINE_LOAD naming an import that nobody answers
 */
export function importsOf({ functionImports }: ModuleDescription): ProgramImport[] {
  const seen = new Map<string, ProgramImport>()
  for (const wanted of functionImports) {
    // What is imported twice is one function: of other types it would be nobody's.
    const key = JSON.stringify([wanted.module, wanted.name])
    const row = rowOf(wanted)
    if (seen.has(key)) continue
    const { module, name, params, results } = wanted
    const border: BorderImport = {
      ...{ module, name, params, results, operation: OPERATION },
      ...(row.mayWait ? { mayWait: true } : {}),
      ...(row.answer ? {} : { constant: { value: 0, told: true, fatal: true } }),
    }
    seen.set(key, { row, border })
  }
  return [...seen.values()]
}

/** What an image of this engine carries beside its state. */
export type ImageNotes = { unsavable?: string }

function notesOf({ files }: Image): ImageNotes {
  const notes = files && decodeValue(files)
  if (typeof notes !== 'object' || notes === null) throw new TokaError('TOKA_IMAGE_INVALID', 'the image has no notes')
  const { unsavable } = notes as ImageNotes
  return typeof unsavable === 'string' ? { unsavable } : {}
}

const programs = new WeakMap<WebAssembly.Module, Program>()

/** The program of an image: read once a module and thread. */
export function programOf(image: Image): Program {
  let program = programs.get(image.module)
  if (!program) {
    program = readProgram(image)
    programs.set(image.module, program)
  }
  return program
}

function readProgram(image: Image): Program {
  const description = describeImage(image)
  const functions = new Map(
    description.exports.flatMap((entry) => (entry.kind === 'function' ? [[entry.name, entry] as const] : [])),
  )
  return {
    module: image.module,
    imports: importsOf(description),
    importNames: description.functionImports,
    functions,
    isCommand: functions.has(Entry.command),
    hasStart: functions.has(AddedExport.start),
    maximumPages: description.memory?.maximum ?? 0,
    unsavable: notesOf(image).unsavable,
  }
}
