/** The texts of `--help`: only what works is in them. */

export const HELP = `toka - runs untrusted tools in WebAssembly sandboxes; whatever is not granted is denied

usage:
  toka run FILE|- [options] [-- ARGS…]    run a JavaScript or TypeScript tool
  toka run --help                         its options
  toka --version

example:
  toka run tool.js --mount ./data:/data:ro --timeout 2s
`

export const RUN_HELP = `usage: toka run FILE|- [options] [-- ARGS…]

Runs a tool in a sandbox. FILE is read here and handed to the sandbox as /tool/NAME; - reads the source from stdin
(then --language is needed). Files that it imports must be mounted: --mount ./lib:/tool/lib:ro. Otherwise stdin goes
to the guest. What it prints is printed; a tool that prints nothing has its value printed.

the tool
  --language L             javascript or typescript; otherwise the ending says it (.js .mjs .ts .mts)
  --input JSON             the argument of its default-exported function (in a script: the global \`input\`)
  --env NAME=VALUE         a variable of its environment, again for more
  -- ARGS…                 its arguments: process.argv from the third on

what it may do (nothing of the host, unless granted)
  --mount HOST:GUEST[:ro|:rw]
                           a host directory exists at an absolute guest path; :ro also grants reading it, :rw reading
                           and writing; with neither only --allow decides. Again for more
  --allow RULE             fs.read=/data/**   fs.write=/out/**   env.read=LANG   tool.call=lookup
                           clock (full resolution). Again for more
  --grants FILE            a JSON array of grants
  --tool FILE              a module whose default export is a tool (defineTool) or an array of them. It is HOST CODE: it
                           runs outside the sandbox with all of your power. A guest may call a tool only with
                           --allow tool.call=NAME

what it may use
  --timeout 2s             wall-clock time (default 30s)
  --memory 64MiB           its heap (default 64MiB)
  --fuel N                 loop heads of the interpreter (default: no limit)
  --output 1MiB            bytes kept of each of stdout and stderr (default 1MiB)
  --isolation WHERE        inline or worker: the thread that it runs on (default: inline where it can be suspended)

what comes out
  --out HOSTDIR            files that it made or changed in /out are written beneath HOSTDIR once it has completed
  --json                   print one JSON object, the whole result, and nothing else on stdout (bytes as base64)
  --trace                  every gated call on stderr, with its verdict and time
  --deterministic SEED     clock and randomness from SEED; sleeps jump: same run, same bytes

exit codes: the guest's own; 1 uncaught error; 64 bad usage; 124 limit; 130 cancelled; 70 a fault of toka's own.
A guest may exit with any of them: only --json is authoritative.
`
