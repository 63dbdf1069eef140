/** Values as text the way Node shows them (node-inspect-extracted), and tables of them. */
export { format, formatWithOptions, inspect, stripVTControlCharacters } from 'node-inspect-extracted'
export { renderTable } from '../table.ts'
