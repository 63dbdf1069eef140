/** Events and the abortion of activities. */
export { AbortController, AbortSignal } from '../web/abort.ts'
export { CustomEvent, Event, EventTarget } from '../web/events.ts'
