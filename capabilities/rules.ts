/** The one-line form of grants: `fs.read=/data/**` in, a grant out. */
import { GrantError } from './grant-error.ts'
import { type Grant, parseGrant } from './schema.ts'

const FORMS = ['fs.read=/data/**', 'fs.write=/out/**', 'env.read=LANG', 'clock', 'tool.call=lookup']
const LATER = ['net', 'random', 'llm', 'kv', 'process']

/**
 * Reads a rule.
 * @throws GrantError with the forms that there are
 * @example parseRule('fs.read=/data/**') // { resource: 'fs', actions: ['read'], paths: ['/data/**'] }
 */
export function parseRule(text: string): Grant {
  const equals = text.indexOf('=')
  const subject = equals < 0 ? text : text.slice(0, equals)
  const value = equals < 0 ? undefined : text.slice(equals + 1)
  const where = `rule ${JSON.stringify(text.slice(0, 200))}`
  if (LATER.includes(subject.split('.')[0]!)) throw new GrantError(`${where}: ${subject} is not supported yet`)
  if (subject === 'clock') {
    if (value !== undefined) throw new GrantError(`${where}: clock takes no value`)
    return parseGrant({ resource: 'clock', actions: ['precise'] }, where)
  }
  const [resource, action] = subject.split('.')
  if (!FORMS.some((form) => form.startsWith(`${subject}=`))) {
    throw new GrantError(`${where} is none of the known forms: ${FORMS.join(', ')}`)
  }
  if (!value)
    throw new GrantError(`${where}: a value must follow "=", as in ${FORMS.find((form) => form.startsWith(subject))}`)
  return parseGrant({ resource, actions: [action], [resource === 'fs' ? 'paths' : 'names']: [value] }, where)
}
