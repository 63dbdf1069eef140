/** A program in, one core module that carries it out, and back: images hold one module, and a component has many. */
import { TokaError } from '../../src/errors.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { readLayout } from '../../src/loader/layout.ts'
import { SectionId } from '../../src/loader/sections.ts'
import { PREAMBLE, Writer } from '../../src/loader/writer.ts'
import { readComponent } from './component-binary.ts'
import type { CoreModule, Program } from './program.ts'
import { resolveComponent } from './resolve.ts'

/** The custom section in which a program is carried. */
const SECTION = 'toka:component'
const LIMITS = { structuredBytes: 2 ** 28, nodes: 2 ** 16, depth: 8 }

type Carried = {
  component: Uint8Array<ArrayBuffer>
  cores: { bytes: Uint8Array<ArrayBuffer>; written: number[]; hasMemory: boolean; starts: boolean }[]
}

/** A module of nothing but the program. */
export function packProgram(component: Uint8Array<ArrayBuffer>, { modules }: Program): Uint8Array<ArrayBuffer> {
  const cores = modules.map(({ bytes, layout, hasMemory, starts }) => ({
    bytes,
    written: layout.tables.flatMap(({ index, written }) => (written ? [index] : [])),
    hasMemory,
    starts,
  }))
  const payload = encodeValue({ component, cores } satisfies Carried, LIMITS)
  const section = new Writer(payload.length + SECTION.length + 8).name(SECTION).raw(payload)
  return new Writer(payload.length + 64).raw(PREAMBLE).section(SectionId.custom, section).finish()
}

/**
 * The program that a module carries.
 * @throws TokaError TOKA_IMAGE_INVALID when it carries none
 */
export function unpackProgram(module: WebAssembly.Module): Program {
  const [section] = WebAssembly.Module.customSections(module, SECTION)
  if (!section) throw new TokaError('TOKA_IMAGE_INVALID', 'the image is refused: its module carries no component')
  const { component, cores } = decodeValue(new Uint8Array(section), LIMITS) as Carried
  const modules = cores.map(({ written, ...core }): CoreModule => {
    const bytes = Uint8Array.from(core.bytes)
    return { ...core, bytes, layout: readLayout(bytes, new Set(written)) }
  })
  return { plan: resolveComponent(readComponent(component)), modules, compiled: [] }
}
