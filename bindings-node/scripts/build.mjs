// Builds the compiled part with cargo and puts it beside the package, where lib/native.cjs looks for it.
// Needs Rust and nothing from npm, so that `npm install <this folder>` works from a clone.

import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import platformModule from '../lib/platform.cjs'

const here = dirname(dirname(fileURLToPath(import.meta.url)))

/** The file that cargo made of the library. */
function compile() {
  const args = ['build', '--release', '--package', 'callweave-node', '--message-format', 'json-render-diagnostics']
  const run = spawnSync('cargo', args, { cwd: here, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 })
  if (run.error)
    throw new Error('callweave is built with cargo, which cannot be started: install Rust', { cause: run.error })
  if (run.status !== 0) process.exit(run.status ?? 1)
  const messages = run.stdout
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const made = messages.find((m) => m.reason === 'compiler-artifact' && m.target.name === 'callweave_node')
  return made.filenames.find((name) => /\.(so|dylib|dll)$/.test(name))
}

/** Takes symbols and debugging sections out of a library, where the system has what does it. */
function strip(file) {
  const [program, args] = process.platform === 'darwin' ? ['strip', ['-x']] : ['strip', ['--strip-unneeded']]
  if (process.platform !== 'win32') spawnSync(program, [...args, file], { stdio: 'ignore' })
}

const target = join(here, `callweave.${platformModule.platform()}.node`)
copyFileSync(compile(), `${target}.new`)
strip(`${target}.new`)
renameSync(`${target}.new`, target)
console.log(`built ${target}`)
