/** The modules of CPython's own tests that are run in a sandbox, and the tests among them that a younger CPython added. */

export const MODULES = [
  'test_argparse',
  'test_asyncio.test_base_events',
  'test_asyncio.test_futures',
  'test_asyncio.test_locks',
  'test_asyncio.test_queues',
  'test_asyncio.test_runners',
  'test_asyncio.test_taskgroups',
  'test_asyncio.test_tasks',
  'test_asyncio.test_timeouts',
  'test_base64',
  'test_bisect',
  'test_collections',
  'test_copy',
  'test_csv',
  'test_dataclasses',
  'test_datetime',
  'test_decimal',
  'test_enum',
  'test_functools',
  'test_hashlib',
  'test_heapq',
  'test_io',
  'test_itertools',
  'test_json',
  'test_math',
  'test_pathlib',
  'test_pickle',
  'test_re',
  'test_sqlite3',
  'test_statistics',
  'test_string',
  'test_struct',
  'test_tempfile',
  'test_textwrap',
  'test_unicodedata',
  'test_zipfile',
] as const

/** Why the tests below are skipped. */
export const SKEW_REASON = 'its test was added or changed after 3.14.2, the release that sandboxes have'

/**
 * Test methods that are of a younger CPython than 3.14.2, by module: bugs that were found and fixed since, behaviour that was
 * changed. The checkout that is given may be of any 3.14.
 */
export const SKEW: Readonly<Record<string, readonly string[]>> = {
  'test_asyncio.test_tasks': ['test_eager_start_true_no_loop'],
  test_json: ['test_mutate_dict_items_during_encode'],
}
