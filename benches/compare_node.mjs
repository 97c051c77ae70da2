#!/usr/bin/env node
// callweave in Node beside a service that spawns ffmpeg, on a ten-minute dual-track call: CPU,
// memory, lines of the program.
//
//     npm run build --prefix bindings-node
//     benches/compare_node.mjs [--rounds 5] [--minutes 10]
//
// The call is a fixture's, repeated, as two mp3s of 16 kHz and 32 kbit/s. The programs are
// bindings-node/examples/compare/*.mjs, each a process of its own; rounds go through both in turn,
// so that what else the machine does strikes both alike. A program's figures are its least CPU time
// and its least time (user and system, children included), and the most memory of any round. Needs
// bash, ffmpeg and Linux, whose /proc tells the memory.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const PROGRAMS = { callweave: 'callweave', 'ffmpeg, spawned': 'ffmpeg' }
/** How often the memory is looked at. */
const LOOK_MS = 10

const fileOf = (program) => join(root, 'bindings-node/examples/compare', `${program}.mjs`)

/** Two mp3s: a fixture's call as often as it takes, both tracks by the same amount. */
function call(folder, minutes) {
  return ['customer', 'agent'].map((name) => {
    const out = join(folder, `${name}.mp3`)
    const repeat = `aresample=16000,apad=whole_dur=60,atrim=0:60,aloop=loop=-1:size=${60 * 16000},atrim=0:${minutes * 60}`
    const source = join(root, 'fixtures/keypad-hold', `${name}.mp3`)
    const how = [
      '-nostdin',
      '-v',
      'error',
      '-y',
      '-i',
      source,
      '-af',
      repeat,
      '-ac',
      '1',
      '-b:a',
      '32k',
      '-c:a',
      'libmp3lame',
      out,
    ]
    execFileSync('ffmpeg', how)
    return out
  })
}

/** A file of /proc; empty where the process is gone. */
function proc(...parts) {
  try {
    return readFileSync(join('/proc', ...parts), 'utf8')
  } catch {
    return ''
  }
}

/**
 * The most memory that a process and its children have had so far, in MB: the sum of their peaks.
 */
function memory(pid) {
  const children = proc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  const own = Number(/VmHWM:\s+(\d+) kB/.exec(proc(`${pid}/status`))?.[1] ?? 0) / 1024
  return children.reduce((sum, child) => sum + memory(child), own)
}

/**
 * Runs a program once: CPU seconds with its children, seconds, and its peak of memory with those of
 * its children.
 */
function measure(program, args) {
  return new Promise((resolve, reject) => {
    // Any of the program's children are children of node, which waits for them: bash counts them
    // all.
    const timed = [
      '-c',
      'TIMEFORMAT="%U %S %R"; time "$@" > /dev/null',
      'bash',
      process.execPath,
      fileOf(program),
      ...args,
    ]
    const child = spawn('bash', timed, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, LC_ALL: 'C' } })
    let told = ''
    let peak = 0
    child.stderr.on('data', (chunk) => (told += chunk))
    const look = setInterval(() => {
      const [node] = proc(`${child.pid}/task/${child.pid}/children`).split(' ')
      if (node) peak = Math.max(peak, memory(node))
    }, LOOK_MS)
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(look)
      if (code !== 0) return reject(new Error(`${program}: ${told}`))
      const [user, system, seconds] = told.trim().split('\n').at(-1).split(' ').map(Number)
      resolve({ cpu: user + system, seconds, peak })
    })
  })
}

/** The lines of a program that are neither empty nor comment. */
function lines(program) {
  const text = readFileSync(fileOf(program), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
  return text.split('\n').filter((line) => line.trim() && !line.trim().startsWith('//')).length
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, minutes: { type: 'string', default: '10' } },
})
const folder = mkdtempSync(join(tmpdir(), 'compare-'))
try {
  const tracks = call(folder, Number(values.minutes))
  const found = Object.fromEntries(
    Object.keys(PROGRAMS).map((name) => [name, { cpu: Infinity, seconds: Infinity, peak: 0 }]),
  )
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [name, program] of Object.entries(PROGRAMS)) {
      const out = join(folder, program)
      const { cpu, seconds, peak } = await measure(program, [...tracks, out])
      if (!readdirSync(out).includes('mix.wav')) throw new Error(`${program} wrote no mix`)
      const best = found[name]
      found[name] = {
        cpu: Math.min(best.cpu, cpu),
        seconds: Math.min(best.seconds, seconds),
        peak: Math.max(best.peak, peak),
      }
    }
  }
  const names = Object.keys(PROGRAMS)
  const row = (title, of) => console.log(`| ${[title, ...names.map(of)].join(' | ')} |`)
  row('', (name) => name)
  console.log(`|---|${names.map(() => '---|').join('')}`)
  row('CPU, s', (name) => found[name].cpu.toFixed(2))
  row('time, s', (name) => found[name].seconds.toFixed(2))
  row('peak memory, children included, MB', (name) => found[name].peak.toFixed(0))
  row('lines of the program', (name) => lines(PROGRAMS[name]))
  const { version } = JSON.parse(readFileSync(join(root, 'bindings-node/package.json'), 'utf8'))
  const ffmpeg = execFileSync('ffmpeg', ['-version'], { encoding: 'utf8' }).split(' Copyright')[0]
  console.log(
    `\n${values.minutes} minutes; ${cpus().length} x ${cpus()[0].model}; Node ${process.version}; callweave ${version}; ${ffmpeg}`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
