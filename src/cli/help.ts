/** The texts of `--help`: only what works is in them. */

export const HELP = `toka - runs untrusted tools in WebAssembly sandboxes; whatever is not granted is denied

usage:
  toka run FILE|- [options] [-- ARGS…]    run a tool: JavaScript, TypeScript, Python or WebAssembly
  toka run --help                         its options
  toka keys init|rotate|list              keys that tokens are signed with
  toka token mint|attenuate|inspect|verify|revoke
                                          tokens: what a run may do, signed, narrowed offline, revoked
  toka audit verify LOG                   whether a log of tokens' use is whole
  toka image build|list|verify            images of Python packages, from wheels and a lock
  toka keys|token|audit|image --help      their options
  toka --version

example:
  toka run tool.js --mount ./data:/data:ro --timeout 2s
`

export const RUN_HELP = `usage: toka run FILE|- [options] [-- ARGS…]

Runs a tool in a sandbox. FILE is read here and handed to the sandbox as /tool/NAME; - reads the source from stdin
(then --language is needed). Files that it imports must be mounted: --mount ./lib:/tool/lib:ro. Otherwise stdin goes
to the guest. What it prints is printed; a tool that prints nothing has its value printed.

the tool
  --language L             javascript, typescript, python or wasm; or by its ending: .js .mjs .ts .mts .py .wasm
  --input JSON             the argument of its default-exported function (in a script: the global \`input\`)
  --env NAME=VALUE         a variable of its environment, again for more
  --packages NAME,…        packages of Python (NAME or NAME==VERSION) from the image that has them all: toka image build
  --images DIR             where images are (default .toka/images)
  -- ARGS…                 its arguments: process.argv from the third on; sys.argv and a WASI command's from the second
  --call EXPORT            of a .wasm reactor or component: the export to call, with ARGS as its numbers,
                           or the list of values that --input gives

what it may do (nothing of the host, unless granted)
  --mount HOST:GUEST[:ro|:rw]
                           a host directory exists at an absolute guest path; :ro also grants reading it, :rw reading
                           and writing; with neither only --allow decides. Again for more
  --allow RULE             fs.read=/data/**   fs.write=/out/**   env.read=LANG   tool.call=lookup
                           net.fetch=https://api.example.com/v1/**   clock (full resolution). Again for more
  --grants FILE            a JSON array of grants, or a Wassette policy (.yaml)
  --token TOKEN|FILE       what every link of a token allows; --allow and --grants narrow it further
  --keys DIR               where its keys and its list of revoked links are (default .toka/keys)
  --audit LOG              append what happened to a log that toka audit verify checks
  --tool FILE              a module whose default export is a tool (defineTool) or an array of them. It is HOST CODE: it
                           runs outside the sandbox with all of your power. A guest may call a tool only with
                           --allow tool.call=NAME

what it may use
  --timeout 2s             wall-clock time (default 30s)
  --memory 64MiB           its heap (default 64MiB; a .wasm module's memory, 256MiB)
  --fuel N                 loop heads of the interpreter, about one instruction of a .wasm module (default: no limit)
  --exact                  of a .wasm module: measure its fuel so that it is the same on every machine
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

export const KEYS_HELP = `usage: toka keys init|rotate|list [--keys DIR]

  init                     make the first keys in DIR (default .toka/keys), which only you may read
  rotate                   the next key signs from now on; the old one verifies for as long as a token may live
    --compromised          the old one verifies nothing from now on: every token that it signed is dead
  list                     the keys with their states: next, active, retiring, gone
    --json                 as JSON, without their private parts
  --alg A                  Ed25519 (default), ES256 or HS256
`

export const TOKEN_HELP = `usage: toka token mint|attenuate|inspect|verify|revoke [options]

A TOKEN is given as text, or as the name of a file that holds it. What makes a token prints it alone on stdout.

  mint                     a new token
  attenuate TOKEN          a narrower one, offline: no keys are needed, and it cannot be wider
    --allow RULE           what it allows, again for more (attenuate: default what TOKEN allows)
    --grants FILE          the same as a JSON array of grants
    --ttl 1h               how long it lives (mint: default 1h; attenuate: default as long as TOKEN)
    --calls N              calls, of all its grants together
    --bytes 1MiB           bytes, of all its grants together
    --subject NAME         whom it is for
    --depth N              how many links may follow (0 to 7)
    --seal                 attenuate: it can be narrowed no further
  inspect TOKEN            who made it, what it allows, how long, how much is left, what each link took away
    --json                 the same as JSON
  verify TOKEN             whether it holds now; exit code 1 when it does not
  revoke JTI|TOKEN         stop a link and everything beneath it, in runs under way too (of a TOKEN: its last link)
  --keys DIR               where keys and the list of revoked links are (default .toka/keys)
`

export const AUDIT_HELP = `usage: toka audit verify LOG [--keys DIR] [--json]

Verifies a log, offline: that no record was changed, removed or added, and that each head was signed by a key of DIR.
Exit code 1 when it does not hold.
`

export const IMAGE_HELP = `usage: toka image build --python --wheels DIR --lock FILE [--images DIR]
       toka image list [--images DIR] [--json]
       toka image verify [NAME] [--images DIR]

Images of Python packages. build takes the wheels that a lock names from a directory, refuses every one whose sha256 is
not the lock's, every one with machine code, and every one whose archive leads out of it, and prints the image's name,
which is the hash of what is in it. It compiles the modules, in a sandbox; where pyodide is not installed their first import
does. A run chooses an image by the packages that it wants: toka run --packages NAME,…

  --wheels DIR             the wheels, as pip download fills it
  --lock FILE              a pylock.toml (PEP 751), as pip lock or uv export --format pylock.toml write it
  --images DIR             where images are (default .toka/images)
  --json                   print the list as JSON
`
