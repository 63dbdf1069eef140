/** The public surface of `toka/security/node`: keys in a directory, state in a SQLite file. */
export { directoryKeys } from './directory-keys.node.ts'
export { sqliteStore } from './sqlite-store.node.ts'
