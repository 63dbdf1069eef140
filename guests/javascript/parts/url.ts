/** URL and URLSearchParams: whatwg-url, the standard's own reference code. */
export { URL, URLSearchParams } from 'whatwg-url'
