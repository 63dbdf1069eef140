/** A name and the open directory that it is looked for in: whether what answers to it is spelled like it. */
import { fstatSync, lstatSync, readdirSync } from 'node:fs'
import { errno } from '../kernel/errno.ts'

/** Directories that are remembered to fold nothing. */
const REMEMBERED = 4_096

/**
 * Refuses spellings that a directory answers to and does not list. Directories of Linux may fold case (casefold of ext4,
 * vfat, exfat, CIFS, the disks of Windows under WSL), ignore code points, cut endings, and give files a second, short
 * name. Grants, mounts and what hides beneath them are compared byte for byte, so there such a name is another way in.
 *
 * Most directories fold nothing, which a look for another spelling of an entry tells once: 5 us, and 2 us from then on to
 * know the directory again. The list is read only where that look finds the same file. A directory keeps its way for as
 * long as it has entries (chattr(1), `F`).
 */
export class Spelling {
  readonly #plain = new Set<string>()

  /**
   * @param fd of the directory
   * @throws GuestFacingError ENOENT
   */
  check(fd: number, name: string): void {
    const { dev, ino } = fstatSync(fd, { bigint: true })
    const key = `${dev} ${ino}`
    if (this.#plain.has(key)) return
    const directory = `/proc/self/fd/${fd}`
    const meant = identityOf(directory, name)
    if (meant === undefined) return
    const other = otherSpelling(name)
    if (other === undefined ? !mayBeAlias(name) : identityOf(directory, other) !== meant) {
      if (other !== undefined && isAscii(name)) this.#remember(key)
      return
    }
    if (!readdirSync(directory, 'utf8').includes(name)) throw errno('ENOENT')
  }

  #remember(key: string): void {
    if (this.#plain.size >= REMEMBERED) this.#plain.clear()
    this.#plain.add(key)
  }
}

function identityOf(directory: string, name: string): string | undefined {
  const found = lstatSync(`${directory}/${name}`, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.dev} ${found.ino}`
}

const isAscii = (name: string): boolean => /^[\0-\x7f]*$/.test(name)

/** Names without letters that vfat gives to files with longer ones, or cuts. */
const mayBeAlias = (name: string): boolean => /~|[. ]$/.test(name)

/**
 * Another name that is the same one to every directory that folds: letters of ASCII are, and others by their simple
 * mapping. What has neither is followed by a code point that ext4 ignores. Undefined for plain digits and signs.
 */
function otherSpelling(name: string): string | undefined {
  const ascii = name.replace(/[a-z]+|[A-Z]+/g, swapped)
  if (ascii !== name) return ascii
  const all = Array.from(name, simplySwapped).join('')
  if (all !== name) return all
  return isAscii(name) ? undefined : `${name}${SOFT_HYPHEN}`
}

const SOFT_HYPHEN = '\u00ad'

const swapped = (letters: string): string =>
  letters === letters.toLowerCase() ? letters.toUpperCase() : letters.toLowerCase()

const simplySwapped = (letter: string): string =>
  [letter.toUpperCase(), letter.toLowerCase()].find((other) => other !== letter && other.length === letter.length) ??
  letter
