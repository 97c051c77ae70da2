// What keeps the event loop free by design: threads, libuv's own, and copies in slices.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { analyze, probe } from 'callweave'
import { longWave } from './shared.mjs'

const require = createRequire(import.meta.url)
const { inTurn } = require('../lib/queue.cjs')
const processors = require('../lib/native.cjs').parallelism()
const { copied } = require('../lib/inputs.cjs')

/** Starts pieces of work that end when they are told to; who works, on how many threads. */
function pieces() {
  const working = new Map()
  const order = []
  const start = (name, how) =>
    inTurn(how, (threads) => {
      order.push(name)
      return new Promise((resolve) => {
        const end = () => {
          working.delete(name)
          resolve(name)
        }
        working.set(name, { threads, end })
      })
    })
  const threads = () => [...working.values()].reduce((sum, piece) => sum + piece.threads, 0)
  return { working, order, start, threads }
}

test('never more threads than processors, and one of libuv’s left for others', async () => {
  const { working, order, start, threads } = pieces()
  const all = Array.from({ length: 20 }, (_, i) => start(i, { wide: i % 3 > 0 }))
  for (let ended = 0; ended < 20; ended += 1) {
    await pause(2)
    assert.ok(working.size > 0 && threads() <= processors, `${threads()} threads`)
    assert.ok(working.size <= 3, `${working.size} of libuv’s four threads`)
    working.values().next().value.end()
  }
  assert.deepEqual(await Promise.all(all), [...Array(20).keys()])
  assert.deepEqual(order, [...Array(20).keys()])
})

test('work alone gets all threads, work on a call in memory goes first', async () => {
  const { working, order, start, threads } = pieces()
  const alone = start('alone', { wide: true })
  await pause(2)
  assert.equal(threads(), Math.min(processors, 4))
  const rest = [
    start('one', { wide: true }),
    start('two', {}),
    start('write', { known: true }),
    start('mix', { known: true }),
  ]
  const failing = inTurn({}, () => Promise.reject(new Error('it failed')))
  failing.catch(() => {})
  while (working.size > 0) {
    working.values().next().value.end()
    await pause(2)
  }
  await Promise.all([alone, ...rest])
  await assert.rejects(failing, /it failed/)
  if (processors <= 4) assert.deepEqual(order, ['alone', 'write', 'mix', 'one', 'two'])
  assert.equal(await inTurn({}, () => 'a failure gives its place back'), 'a failure gives its place back')
})

test('bytes in hand are copied in slices, the event loop between them', async () => {
  const bytes = longWave(10)
  let turns = 0
  let counting = true
  const count = () => {
    turns += 1
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  const [one, two, path] = await copied([{ bytes }, { bytes, name: 'b' }, { path: 'c.wav' }])
  counting = false
  assert.ok(turns >= Math.floor((2 * bytes.length) / (1 << 20)), `${turns} turns for ${2 * bytes.length} bytes`)
  assert.deepEqual([one.bytes.constructor.name, two.name, path], ['Bytes', 'b', { path: 'c.wav' }])
})

test('files are read, and looked at, while calls are processed', async () => {
  const wave = longWave(4)
  let done = 0
  let begun
  const first = new Promise((resolve) => (begun = resolve))
  const calls = Array.from({ length: 8 }, () => analyze([wave, wave], { onProgress: begun }).then(() => (done += 1)))
  await first
  let between = 0
  while (done < 3) {
    const before = done
    await readFile('README.md')
    await probe('fixtures/stereo/call.wav', { quick: true })
    if (done === before) between += 1
  }
  await Promise.all(calls)
  assert.ok(between > 2, `${between} files read`)
})

test('threads at work step back behind the event loop’s', {
  skip: process.platform !== 'linux' && 'Linux counts priorities by thread',
}, async () => {
  await analyze('fixtures/short/manifest.json')
  const priority = (thread) => {
    const [, name, rest] = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').match(/\((.*)\) (.*)/)
    return { name, nice: Number(rest.split(' ')[16]) }
  }
  const own = readdirSync('/proc/self/task')
    .map(priority)
    .filter(({ name }) => name.startsWith('callweave-'))
  // The main thread has the id of the process. It need not be the first in the list, which is sorted as text.
  const main = priority(process.pid)
  assert.ok(own.length > 0)
  for (const { nice } of own) assert.equal(nice, Math.min(main.nice + 10, 19))
})
