// Builds the compiled part with cargo and puts it beside the package, where lib/native.cjs looks
// for it. Needs Rust and nothing from npm, so that `npm install <this folder>` works from a clone.
//
//     node scripts/build.mjs                                   for this machine
//     node scripts/build.mjs --target x86_64-apple-darwin      for another, with its target installed in Rust
//     node scripts/build.mjs --target TRIPLE --glibc 2.28      for a Linux as old as that; links with cargo-zigbuild
//     node scripts/build.mjs --target TRIPLE --zig             links with cargo-zigbuild, which musl needs

import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import platformModule from '../lib/platform.cjs'

const here = dirname(dirname(fileURLToPath(import.meta.url)))

const { values: asked } = parseArgs({
  options: { target: { type: 'string' }, glibc: { type: 'string' }, zig: { type: 'boolean', default: false } },
})
if ((asked.glibc || asked.zig) && !asked.target) throw new Error('--glibc and --zig need a --target')

/** The command of cargo, and the target in its words. */
function cargoArguments() {
  const command = asked.glibc || asked.zig ? 'zigbuild' : 'build'
  const target = asked.target ? ['--target', asked.glibc ? `${asked.target}.${asked.glibc}` : asked.target] : []
  return [command, '--release', '--locked', '--package', 'callweave-node', ...target]
}

/**
 * What the compiler is told beside what the machine's settings say: a library for musl is linked
 * dynamically.
 */
function environment() {
  if (!asked.target?.endsWith('-musl')) return process.env
  const flags = [process.env.RUSTFLAGS, '-C target-feature=-crt-static'].filter(Boolean).join(' ')
  return { ...process.env, RUSTFLAGS: flags }
}

/** The file that cargo made of the library. */
function compile() {
  const args = [...cargoArguments(), '--message-format', 'json-render-diagnostics']
  const run = spawnSync('cargo', args, {
    cwd: here,
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
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

/** The platform that is built for, as the packages are named. */
function platform() {
  if (!asked.target) return platformModule.platform()
  const [cpu, , system, libc] = asked.target.split('-')
  const arch = { x86_64: 'x64', aarch64: 'arm64' }[cpu]
  const name = {
    linux: `linux-${arch}-${libc}`,
    windows: `win32-${arch}-${libc}`,
    darwin: `darwin-${arch}`,
  }[system]
  if (!platformModule.PLATFORMS.includes(name)) {
    throw new Error(`found --target ${asked.target}, expected one for ${platformModule.PLATFORMS.join(', ')}`)
  }
  return name
}

/** Takes symbols and debugging sections out of a library, where the system has what does it. */
function strip(file) {
  const [program, args] = process.platform === 'darwin' ? ['strip', ['-x']] : ['strip', ['--strip-unneeded']]
  if (process.platform !== 'win32') spawnSync(program, [...args, file], { stdio: 'ignore' })
}

const target = join(here, `callweave.${platform()}.node`)
copyFileSync(compile(), `${target}.new`)
strip(`${target}.new`)
renameSync(`${target}.new`, target)
console.log(`built ${target}`)
