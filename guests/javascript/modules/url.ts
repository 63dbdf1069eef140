/** Node's `url`: the web's classes, and paths of files. */
import { codedError, invalidType } from '../failures.ts'
import { pathOfUrl } from '../files/arguments.ts'
import { part } from '../parts.ts'
import { process } from './process.ts'
import { subset } from './subset.ts'

const classes = () => part<typeof import('../parts/url.ts')>('url')

/** A relative path is of the current directory. */
function pathToFileURL(path: unknown): object {
  if (typeof path !== 'string') throw invalidType('path', 'of type string', path)
  const url = new (classes().URL)('file:///') as unknown as { pathname: string }
  const whole = path.startsWith('/') ? path : `${process.cwd().replace(/\/$/, '')}/${path}`
  // What a URL's path would take for its end, or for an escape.
  url.pathname = whole.replace(
    /[%?#\\\n\r\t]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
  return url
}

function toPath(url: unknown): string {
  const { URL } = classes()
  if (typeof url === 'string') return pathOfUrl(new URL(url))
  if (url instanceof URL) return pathOfUrl(url)
  throw invalidType('path', 'of type string or an instance of URL', url)
}

/** The web's URL as text; Node's older objects are not there. */
function format(url: unknown): string {
  if (url instanceof classes().URL) return String(url)
  throw codedError('ERR_TOKA_NOT_AVAILABLE', 'url.format takes a URL in a sandbox')
}

const OLDER = 'use new URL()'

export const url = subset(
  'url',
  {
    fileURLToPath: toPath,
    format,
    pathToFileURL,
    get URL() {
      return classes().URL
    },
    get URLSearchParams() {
      return classes().URLSearchParams
    },
  },
  { parse: OLDER, resolve: OLDER, Url: OLDER },
)
