"""Untrusted: which countries have the highest airports; argparse, csv, json and sqlite3, all inside the sandbox.

npm run -s toka -- run examples/tools/airports.py --mount examples/data:/data:ro -- --above 2500 --most 5
"""

import argparse
import csv
import json
import sqlite3

parser = argparse.ArgumentParser(description="Counts high airports by country.")
parser.add_argument("--above", type=float, default=2_500, help="metres above the sea from which an airport is high")
parser.add_argument("--most", type=int, default=5, help="how many countries to print")
options = parser.parse_args()

METRES_PER_FOOT = 0.3048

with open("/data/countries.json") as file:
    countries = json.load(file)

database = sqlite3.connect("/tmp/airports.db")
database.execute("create table airport (country text, name text, metres real)")
with open("/data/airports.csv", newline="") as file:
    rows = [(row["country"], row["name"], float(row["elevation"]) * METRES_PER_FOOT) for row in csv.DictReader(file)]
database.executemany("insert into airport values (?, ?, ?)", rows)

query = """
    select country, count(*), max(metres), name from airport
    where metres > ? group by country order by 2 desc, 1 limit ?
"""
found = database.execute(query, (options.above, options.most)).fetchall()
for country, count, metres, name in found:
    print(f"{countries[country]['name']:<16} {count:>4}  up to {metres:,.0f} m: {name}")

# The last expression is the run's value.
{country: count for country, count, *_ in found}
