// What the suites share. Every suite works in the folder of the workspace, as the golden reports
// did.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CallweaveError } from 'callweave'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
process.chdir(root)

/** Whether the loops run at full size: `tests/run --long`. */
export const long = 'CALLWEAVE_LONG_TESTS' in process.env

const documentOf = (call) =>
  ['pushes.json', 'recordings2.json', 'recording.json', 'manifest.json']
    .map((name) => `fixtures/${call}/${name}`)
    .find((path) => existsSync(path))

/** The fixture calls that have a golden report, and the documents that describe them. */
export const calls = readdirSync('fixtures')
  .filter((call) => existsSync(`fixtures/${call}/report.json`))
  .map((call) => [call, documentOf(call)])

/** The golden report of a call, with this version of the library. */
export function golden(call, version) {
  const text = readFileSync(`fixtures/${call}/report.json`, 'utf8')
  return text.replace(
    '"library":{"name":"callweave","version":"*"}',
    `"library":{"name":"callweave","version":"${version}"}`,
  )
}

/** A folder of its own for a test, removed at its end. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'callweave-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A wav of `minutes` minutes, 8 kHz mono: a recording repeated, long enough to be interrupted. */
export function longWave(minutes) {
  const sound = readFileSync('fixtures/short/agent.wav').subarray(44)
  const wanted = minutes * 60 * 16000
  const header = Buffer.from(readFileSync('fixtures/short/agent.wav').subarray(0, 44))
  const repeats = Math.ceil(wanted / sound.length)
  header.writeUInt32LE(36 + repeats * sound.length, 4)
  header.writeUInt32LE(repeats * sound.length, 40)
  return Buffer.concat([header, ...Array(repeats).fill(sound)])
}

/**
 * For a test file: what checks an error's code, its message, and that its stack points into that
 * file.
 */
export const failing = (file) => (code, words) => (error) => {
  assert.ok(error instanceof CallweaveError, `${error?.stack}`)
  assert.equal(error.code, code)
  assert.match(error.message, words)
  assert.ok(error.stack.includes(file), error.stack)
  return true
}

/** Starts a local server of tests/servers, to be killed by who keeps `children`; its address. */
export async function serve(children, name, ...args) {
  const child = spawn(process.env.PYTHON ?? 'python3', [`${root}/tests/servers/${name}.py`, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const ended = new Promise((_, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('the server ended')))
  })
  ended.catch(() => {})
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { value } = await Promise.race([lines.next(), ended])
  return `http://127.0.0.1:${value}`
}
