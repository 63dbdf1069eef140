/** The one-line form of grants: `fs.read=/data/**` in, a grant out. */
import { GrantError } from './grant-error.ts'
import { parseAddress } from './address.ts'
import { type Grant, parseGrant } from './schema.ts'

const FORMS = [
  'fs.read=/data/**',
  'fs.write=/out/**',
  'net.fetch=https://api.example.com/v1/**',
  'env.read=LANG',
  'clock',
  'tool.call=lookup',
]
const LATER = ['random', 'llm', 'kv', 'process']
/** `POST,PUT https://host:8080/path/**` */
const REQUEST = /^(?:([A-Z,]+) )?(https?):\/\/(\[[^\]]*\]|[^/:[\]]+)(?::(\d+))?(\/.*)?$/

/** What a host that names its own address stands for: naming it is granting that address. */
function networksOf(host: string): string[] | undefined {
  if (host === 'localhost') return ['127.0.0.0/8', '::1/128']
  const text = host.replace(/[[\]]/g, '')
  const address = parseAddress(text)
  return address && [`${text}/${address.length * 8}`]
}

function requestGrant(value: string, where: string): Grant {
  const [, methods, scheme, host, port, path] = REQUEST.exec(value) ?? []
  if (host === undefined)
    throw new GrantError(
      `${where}: expected a URL with a scheme, a host and perhaps a pattern of paths, as in ${FORMS[2]}`,
    )
  const cidrs = networksOf(host)
  const grant = {
    resource: 'net',
    actions: ['fetch'],
    schemes: [scheme],
    hosts: [host],
    ...(methods ? { methods: methods.split(',') } : {}),
    ...(port ? { ports: [Number(port)] } : {}),
    ...(path ? { paths: [path] } : {}),
    ...(cidrs ? { cidrs } : {}),
  }
  return parseGrant(grant, where)
}

/**
 * Reads a rule.
 * @throws GrantError with the forms that there are
 * @example parseRule('fs.read=/data/**') // { resource: 'fs', actions: ['read'], paths: ['/data/**'] }
 */
export function parseRule(text: string): Grant {
  const [subject, ...values] = text.split('=') as [string, ...string[]]
  const [resource, action] = subject.split('.') as [string, string?]
  const where = `rule ${JSON.stringify(text.slice(0, 200))}`
  if (LATER.includes(resource)) throw new GrantError(`${where}: ${subject} is not supported yet`)
  if (subject === 'clock') {
    if (values.length > 0) throw new GrantError(`${where}: clock takes no value`)
    return parseGrant({ resource, actions: ['precise'] }, where)
  }
  const form = FORMS.find((one) => one.startsWith(`${subject}=`))
  if (!form) throw new GrantError(`${where} is none of the known forms: ${FORMS.join(', ')}`)
  const value = values.join('=')
  if (value === '') throw new GrantError(`${where}: a value must follow "=", as in ${form}`)
  if (resource === 'net') return requestGrant(value, where)
  return parseGrant({ resource, actions: [action], [resource === 'fs' ? 'paths' : 'names']: [value] }, where)
}
