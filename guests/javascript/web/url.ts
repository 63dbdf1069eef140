/** URL and URLSearchParams: whatwg-url, the standard's own reference code. */
import { URL, URLSearchParams } from 'whatwg-url'

export { URL, URLSearchParams }
