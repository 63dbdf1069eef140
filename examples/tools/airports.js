/** Untrusted: analyses a table of airports, asks the host's `country` tool about their countries, writes a report. */
import fs from 'node:fs'

const EARTH_KM = 6371
const FEET_PER_METRE = 3.28084

/** @param {{ file: string, top?: number }} input a CSV file in the sandbox, and how many rows each table gets */
export default async function ({ file, top = 5 }) {
  const airports = Array.from(readCsv(fs.readFileSync(file, 'utf8')), (row) => ({
    name: row.name,
    country: row.country,
    iata: row.iata,
    lat: Number(row.lat),
    lon: Number(row.lon),
    metres: Number(row.elevation) / FEET_PER_METRE,
  }))
  const countries = await describeCountries(airports)
  const lonely = mostRemote(airports)
  const map = drawMap(airports, 76, 21)
  fs.mkdirSync('/out', { recursive: true })
  fs.writeFileSync('/out/report.md', report({ airports, countries, lonely, map, top }))
  fs.writeFileSync('/out/map.svg', drawSvg(airports))
  return {
    airports: airports.length,
    countries: countries.length,
    remotest: lonely.airport.name,
    remotestKm: Math.round(lonely.km),
  }
}

/** Rows of a CSV text as objects, by the names in its first line. Quoted fields may hold commas, quotes and newlines. */
function* readCsv(text) {
  let names
  for (const row of csvRows(text)) {
    if (names) yield Object.fromEntries(names.map((name, index) => [name, row[index] ?? '']))
    else names = row
  }
}

function* csvRows(text) {
  let row = []
  for (let at = 0; at < text.length; ) {
    let field
    if (text[at] === '"') {
      let end = text.indexOf('"', at + 1)
      while (text[end + 1] === '"') end = text.indexOf('"', end + 2)
      field = text.slice(at + 1, end).replaceAll('""', '"')
      at = end + 1
    } else {
      let end = at
      while (end < text.length && text[end] !== ',' && text[end] !== '\n') end++
      field = text.slice(at, end).replace('\r', '')
      at = end
    }
    row.push(field)
    if (text[at] === '\r') at++
    if (at >= text.length || text[at] === '\n') {
      yield row
      row = []
    }
    at++
  }
}

/** One call of the host's tool a country, all under way at once. */
async function describeCountries(airports) {
  const counts = new Map()
  for (const { country } of airports) counts.set(country, (counts.get(country) ?? 0) + 1)
  const described = await Promise.all([...counts.keys()].map((code) => tools.country({ code })))
  return described
    .map((country) => ({
      ...country,
      airports: counts.get(country.code),
      perMillion: country.population > 0 ? (counts.get(country.code) / country.population) * 1e6 : 0,
    }))
    .sort((a, b) => b.airports - a.airports)
}

/** The airport whose nearest neighbour is farthest. Points lie in cells of a cube around the globe, so this is no n². */
function mostRemote(airports) {
  const SIZE = 0.03
  const cells = new Map()
  const key = (x, y, z) => (x + 64) * 16384 + (y + 64) * 128 + (z + 64)
  const points = airports.map((airport) => {
    const lat = (airport.lat * Math.PI) / 180
    const lon = (airport.lon * Math.PI) / 180
    const x = Math.cos(lat) * Math.cos(lon)
    const y = Math.cos(lat) * Math.sin(lon)
    return { airport, x, y, z: Math.sin(lat) }
  })
  for (const point of points) {
    const cell = key(Math.floor(point.x / SIZE), Math.floor(point.y / SIZE), Math.floor(point.z / SIZE))
    const there = cells.get(cell)
    if (there) there.push(point)
    else cells.set(cell, [point])
  }
  let best = { airport: airports[0], neighbour: airports[0], km: 0 }
  for (const point of points) {
    const { neighbour, chord } = nearest(point, cells, key, SIZE, 2 * Math.sin(best.km / EARTH_KM / 2))
    const km = 2 * Math.asin(Math.min(1, chord / 2)) * EARTH_KM
    if (neighbour && km > best.km) best = { airport: point.airport, neighbour: neighbour.airport, km }
  }
  return best
}

/** Looks cell ring by cell ring; stops once no ring can be nearer, or when a neighbour nearer than `enough` was seen. */
function nearest(point, cells, key, size, enough) {
  const [cx, cy, cz] = [point.x, point.y, point.z].map((value) => Math.floor(value / size))
  let neighbour
  let square = Infinity
  const visit = (x, y, z) => {
    for (const other of cells.get(key(x, y, z)) ?? []) {
      if (other === point) continue
      const distance = (other.x - point.x) ** 2 + (other.y - point.y) ** 2 + (other.z - point.z) ** 2
      if (distance < square) {
        square = distance
        neighbour = other
      }
    }
  }
  for (let ring = 0; ring < 128; ring++) {
    for (let x = -ring; x <= ring; x++) {
      for (let y = -ring; y <= ring; y++) {
        const step = Math.abs(x) === ring || Math.abs(y) === ring || ring === 0 ? 1 : 2 * ring
        for (let z = -ring; z <= ring; z += step) visit(cx + x, cy + y, cz + z)
      }
    }
    if (Math.sqrt(square) <= Math.max(ring * size, enough)) break
  }
  return { neighbour, chord: Math.sqrt(square) }
}

/** A map of text: the more airports in a cell, the darker. */
function drawMap(airports, columns, rows) {
  const [north, south] = [78, -58]
  const grid = Array.from({ length: rows }, () => new Array(columns).fill(0))
  for (const { lat, lon } of airports) {
    const row = Math.floor(((north - lat) / (north - south)) * rows)
    const column = Math.min(columns - 1, Math.floor(((lon + 180) / 360) * columns))
    if (grid[row]?.[column] !== undefined) grid[row][column]++
  }
  const shade = (count) =>
    count === 0 ? ' ' : count < 3 ? '·' : count < 10 ? '░' : count < 40 ? '▒' : count < 120 ? '▓' : '█'
  return grid.map((row) => row.map(shade).join('').trimEnd()).join('\n')
}

/** The same as a picture: one dot a square degree, its area by the number of airports. */
function drawSvg(airports) {
  const cells = new Map()
  for (const { lat, lon } of airports) {
    const cell = `${Math.floor(lon) + 180.5},${89.5 - Math.floor(lat)}`
    cells.set(cell, (cells.get(cell) ?? 0) + 1)
  }
  const dots = [...cells].map(([cell, count]) => {
    const [x, y] = cell.split(',')
    return `<circle cx="${x}" cy="${y}" r="${(0.25 + Math.min(1, Math.sqrt(count) / 7)).toFixed(2)}"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 180"><rect width="360" height="180" fill="#0b1726"/><g fill="#f5b942" fill-opacity="0.75">${dots.join('')}</g></svg>\n`
}

function report({ airports, countries, lonely, map, top }) {
  const by = (pick) => [...airports].sort((a, b) => pick(b) - pick(a))
  const highest = by((airport) => airport.metres)[0]
  const lowest = by((airport) => -airport.metres)[0]
  const north = by((airport) => airport.lat)[0]
  const south = by((airport) => -airport.lat)[0]
  const dense = countries.filter((country) => country.airports >= 20).sort((a, b) => b.perMillion - a.perMillion)
  const row = (cells, widths) =>
    `| ${cells.map((cell, i) => (widths[i] < 0 ? String(cell).padStart(-widths[i]) : String(cell).padEnd(widths[i]))).join(' | ')} |`
  const table = (rows) => {
    const widths = [24, 13, -8, -13]
    const rule = `|${widths.map((width) => (width < 0 ? `${'-'.repeat(-width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
    const lines = rows.map((country) =>
      row([country.name.slice(0, 24), country.continent, country.airports, country.perMillion.toFixed(1)], widths),
    )
    return [row(['country', 'continent', 'airports', 'per million'], widths), rule, ...lines].join('\n')
  }
  const place = (airport) => `${airport.name} (${airport.country})`
  return `# Airports of the world

${airports.length} airports in ${countries.length} countries; ${airports.filter((airport) => airport.iata).length} have an airline code.

\`\`\`text
${map}
\`\`\`

## Where most are

${table(countries.slice(0, top))}

## Most for their people (countries with 20 or more)

${table(dense.slice(0, top))}

## Extremes

- highest: ${place(highest)}, ${Math.round(highest.metres)} m
- lowest: ${place(lowest)}, ${Math.round(lowest.metres)} m
- northernmost: ${place(north)}, ${north.lat.toFixed(2)}°
- southernmost: ${place(south)}, ${south.lat.toFixed(2)}°
- remotest: ${place(lonely.airport)}, ${Math.round(lonely.km)} km from ${place(lonely.neighbour)}
`
}
