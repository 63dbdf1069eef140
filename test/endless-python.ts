/** Python that keeps one builtin of one C module busy for hours: what a deadline must stop. */

export type Endless = {
  /** The C module whose code runs. */
  module: string
  source: string
}

/** `D` runs an iterator to its end inside `_collections`; `R` repeats for ever inside `itertools`. */
const FIRST = 'from collections import deque\nfrom itertools import repeat as R\nD = deque(maxlen=0).extend\n'

const rows: readonly (readonly [module: string, source: string])[] = [
  ['_collections', 'D(R(1))'],
  ['itertools', 'import itertools\nnext(itertools.islice(itertools.count(), 2**31 - 1, None))'],
  ['itertools', 'import itertools\nnext(itertools.compress(R(1), R(0)))'],
  ['itertools', 'import itertools\nD(itertools.permutations(range(30)))'],
  ['builtins', 'sum(range(10**15))'],
  ['builtins', 'max(iter(int, 1))'],
  ['builtins', 'any(R(0))'],
  ['builtins', 'dict.fromkeys(R(1))'],
  ['builtins', 'set(R(1))'],
  ['builtins', '1.5 in range(10**18)'],
  ['builtins', 'D(map(sorted, R([(i * 7919) % 100003 for i in range(300000)])))'],
  ['builtins', "D(map(('ab' * 10**7).count, R('ba')))"],
  ['builtins', 'D(map(([0] * 10**6).__eq__, R([0] * 10**6)))'],
  ['builtins', "D(map(compile, R('x = 1\\n' * 2000), R('f'), R('exec')))"],
  ['builtins', 'pow(3, 10**60000, 10**6000 + 1)'],
  ['builtins', '7 ** (3 * 10**8)'],
  ['_sre', "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')"],
  ['_sre', "import re\nre.search(r'(x+x+)+y', 'x' * 45)"],
  ['math', 'import math\nmath.factorial(10**8)'],
  ['math', 'import math\nmath.comb(10**9, 5 * 10**7)'],
  ['cmath', 'import cmath\nD(map(cmath.sqrt, R(2j)))'],
  ['_functools', 'import functools, operator\nfunctools.reduce(operator.and_, R(1))'],
  ['_operator', 'import operator\noperator.countOf(R(1), 2)'],
  ['_operator', 'import operator\noperator.indexOf(R(1), 2)'],
  ['_json', 'import json\nD(map(json.dumps, R(list(range(10**5)))))'],
  ['_json', "import json\nD(map(json.loads, R('[' + '1,' * 10**5 + '1]')))"],
  ['_pickle', 'import pickle\nD(map(pickle.dumps, R(list(range(10**5)))))'],
  ['_struct', "import struct\nD(map(struct.Struct('100000B').unpack, R(bytes(10**5))))"],
  ['array', "import array\nD(map(array.array('d', bytes(8 * 10**6)).count, R(1.5)))"],
  ['_heapq', 'import heapq\nD(map(heapq.heapify, map(list, R(range(300000, 0, -1)))))'],
  ['_bisect', 'import bisect\nD(map(bisect.bisect, R(range(2**31 - 1)), R(7)))'],
  ['_random', 'import random\nD(map(random.Random(1).getrandbits, R(10**6)))'],
  ['_sha2', 'import hashlib\nD(map(hashlib.sha256, R(bytes(10**7))))'],
  ['_sha3', 'import hashlib\nD(map(hashlib.sha3_512, R(bytes(10**7))))'],
  ['_blake2', 'import hashlib\nD(map(hashlib.blake2b, R(bytes(10**7))))'],
  ['_md5', 'import hashlib\nD(map(hashlib.md5, R(bytes(10**7))))'],
  ['zlib', 'import zlib\nD(map(zlib.compress, R(bytes(range(256)) * 10**5), R(9)))'],
  ['zlib', 'import zlib\nD(map(zlib.decompress, R(zlib.compress(bytes(10**7)))))'],
  ['binascii', 'import binascii\nD(map(binascii.crc32, R(bytes(10**7))))'],
  ['_decimal', 'import decimal\ndecimal.Context(prec=2 * 10**6).ln(decimal.Decimal(7))'],
  [
    '_sqlite3',
    "import sqlite3\nsqlite3.connect(':memory:').execute('with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c').fetchone()",
  ],
  ['_csv', "import csv\nD(csv.reader(R('a,b,c,d')))"],
  ['_datetime', "import datetime\nD(map(datetime.datetime.fromisoformat, R('2026-11-28T10:00:00')))"],
  ['unicodedata', "import unicodedata\nD(map(unicodedata.normalize, R('NFKD'), R('\\u1e9b\\u0323' * 10**5)))"],
  ['_io', 'import io\nD(iter(io.BytesIO().read, 1))'],
  ['pyexpat', "import xml.etree.ElementTree as E\nD(map(E.fromstring, R('<a>' + '<b/>' * 20000 + '</a>')))"],
  ['marshal', 'import marshal\nD(map(marshal.dumps, R(list(range(10**5)))))'],
  ['gc', 'import gc\nkept = [[] for _ in range(10**5)]\nD(map(gc.collect, R(2)))'],
  ['time', 'import time\ntime.sleep(10**6)'],
  ['_asyncio', 'import asyncio\nasync def main():\n    while True: await asyncio.sleep(0)\nasyncio.run(main())'],
  ['the evaluation loop', 'while True: pass'],
  [
    'the evaluation loop',
    'while True:\n    try:\n        while True: pass\n    except BaseException: pass\n    finally:\n        while True: pass',
  ],
]

export const ENDLESS_PYTHON: readonly Endless[] = rows.map(([module, source]) => ({ module, source: FIRST + source }))
