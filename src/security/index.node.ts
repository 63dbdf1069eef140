/** The public surface of `toka/security/node`: keys in a directory, a log and keys of callers in files, state in a SQLite file. */
export { type AuditFile, auditFile } from './audit-file.node.ts'
export { directoryKeys } from './directory-keys.node.ts'
export { fileKeys } from './file-keys.node.ts'
export { sqliteStore } from './sqlite-store.node.ts'
