/** A host tool: what the host knows of a country, by its code. Guests never see the table itself. */
import { readFileSync } from 'node:fs'
import { defineTool, type Tool } from 'toka'
import { z } from 'zod'

const CONTINENTS = ['AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA'] as const
const NAMES = ['Africa', 'Antarctica', 'Asia', 'Europe', 'North America', 'Oceania', 'South America'] as const

const table = z.record(
  z.string(),
  z.object({ name: z.string(), continentcode: z.enum(CONTINENTS), population: z.number(), areakm2: z.number() }),
)

/**
 * The tool `country`, over a table as GeoNames has it.
 * @param file a host path of JSON
 */
export function countryTool(file: string | URL): Tool {
  const countries = table.parse(JSON.parse(readFileSync(file, 'utf8')))
  return defineTool({
    name: 'country',
    description: 'Name, continent, population and area of a country',
    input: z.object({ code: z.string().regex(/^[A-Z]{2}$/, 'must be two capital letters (ISO 3166-1)') }),
    output: z.object({
      code: z.string(),
      name: z.string(),
      continent: z.enum(NAMES),
      population: z.number(),
      areaKm2: z.number(),
    }),
    readOnly: true,
    run: ({ code }) => {
      const country = Object.hasOwn(countries, code) ? countries[code] : undefined
      if (!country) throw new Error(`no country has the code ${code}`)
      const continent = NAMES[CONTINENTS.indexOf(country.continentcode)] ?? 'Antarctica'
      return { code, name: country.name, continent, population: country.population, areaKm2: country.areakm2 }
    },
  })
}

export default countryTool(new URL('data/countries.json', import.meta.url))
