// What comes in: answers over HTTP, addresses, samples, files without a header; streams in turn,
// long ones on disk.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { analyze, decode, mix, normalize, probe, processBatch } from 'callweave'
import { failing, longWave } from './shared.mjs'

const STEREO = 'fixtures/stereo/call.wav'
const refused = failing('inputs.test.mjs')
let address
const server = createServer((request, response) => {
  if (request.url === '/call.wav') return response.end(readFileSync(STEREO))
  if (request.url === '/cut') {
    response.writeHead(200, { 'content-length': 400_000 })
    response.write(readFileSync(STEREO).subarray(0, 100_000))
    return setTimeout(() => response.destroy(), 10)
  }
  response.writeHead(404).end('nothing')
})
before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${server.address().port}`
})
after(() => server.close())

test('an address and an answer are recordings', async () => {
  const { turns } = await analyze(STEREO)
  const told = await analyze(new URL(`${address}/call.wav`))
  assert.deepEqual(told.turns, turns)
  assert.equal(told.tracks[0].source.path, `${address}/call.wav`)
  assert.deepEqual((await analyze([await fetch(`${address}/call.wav`)])).turns, turns)
  assert.deepEqual(
    (await analyze({ source: new URL(`${address}/call.wav`), channel: 1, role: 'agent' })).tracks[0].role,
    'agent',
  )
})

test('what is no recording at an address is an error that says so', async () => {
  await assert.rejects(analyze(new URL(`${address}/nothing`)), refused('io', /nothing: HTTP 404 Not Found/))
  await assert.rejects(analyze(await fetch(`${address}/nothing`)), refused('io', /HTTP 404/))
  await assert.rejects(
    analyze(new URL('http://127.0.0.1:9/')),
    (error) => refused('io', /cannot be fetched/)(error) && error.cause !== undefined,
  )
  await assert.rejects(analyze(new URL(`${address}/cut`)), refused('io', /cut: broke off/))
  await assert.rejects(analyze(new URL('ftp://host/a.wav')), refused('invalid_argument', /ftp:/))
  const read = await fetch(`${address}/call.wav`)
  await read.arrayBuffer()
  await assert.rejects(analyze(read), refused('invalid_argument', /body was read/))
})

test('samples are a recording, what decode gives too', async () => {
  const { turns } = await analyze(STEREO)
  for (const type of ['int16', 'float32']) {
    const audio = await decode(STEREO, { type })
    assert.deepEqual((await analyze(audio)).turns, turns, type)
    const [, channel] = audio.channels
    const one = await analyze({ source: channel, sampleRateHz: audio.sampleRateHz, role: 'agent', name: 'b' })
    assert.equal(one.tracks[0].role, 'agent')
    assert.deepEqual((await decode({ source: channel, sampleRateHz: 8000 }, { type })).channels[0], channel)
  }
  const { audio } = await normalize(STEREO, { rate: 16000 })
  assert.equal((await probe(audio)).source.channels, 2)
  assert.equal((await decode(await mix(STEREO))).channels.length, 2)
})

test('samples that make no sense are refused', async () => {
  const source = new Int16Array(800)
  await assert.rejects(analyze({ source }), refused('invalid_argument', /sampleRateHz/))
  await assert.rejects(analyze({ source, sampleRateHz: 0 }), refused('invalid_argument', /0 Hz/))
  await assert.rejects(analyze({ source, sampleRateHz: 0.5 }), refused('invalid_argument', /Hz/))
  await assert.rejects(
    analyze({ channels: [source, new Int16Array(3)], sampleRateHz: 8000 }),
    refused('invalid_argument', /800 on each/),
  )
  await assert.rejects(
    analyze({ channels: [source, new Float32Array(800)], sampleRateHz: 8000 }),
    refused('invalid_argument', /one kind/),
  )
  await assert.rejects(analyze({ channels: [], sampleRateHz: 8000 }), (error) =>
    ['no_audio', 'invalid_argument'].includes(error.code),
  )
  await assert.rejects(analyze({ source: STEREO, sampleRateHz: 8000 }), refused('invalid_argument', /its own/))
})

test('a file without a header is read as it is said to be', async () => {
  const bytes = Buffer.concat([Buffer.alloc(800, 0xff), Buffer.alloc(800, 0x80)])
  const { channels, sampleRateHz } = await decode({ source: bytes, raw: 'ulaw' }, { type: 'int16' })
  assert.deepEqual([sampleRateHz, channels[0].length, channels[0][0], channels[0][1599]], [8000, 1600, 0, 32124])
  await assert.rejects(decode({ source: bytes, raw: 'mp3' }), refused('invalid_argument', /no such raw format/))
})

test('a stream is asked for its next chunk when the last is kept, and not before its turn', async () => {
  const sound = longWave(1)
  let open = 0
  let most = 0
  const stream = () =>
    Readable.from(
      (async function* () {
        open += 1
        most = Math.max(most, open)
        for (let at = 0; at < sound.length; at += 200_000) {
          await pause(1)
          yield sound.subarray(at, at + 200_000)
        }
        open -= 1
      })(),
    )
  const reports = await Promise.all(Array.from({ length: 24 }, () => analyze(stream())))
  assert.equal(new Set(reports.map((report) => JSON.stringify(report.turns))).size, 1)
  assert.ok(most <= 8, `${most} streams were read at once`)
})

/** Spools are removed in the background: waits until a folder has none. */
async function emptied(home) {
  for (let tries = 0; tries < 500 && readdirSync(home).length > 0; tries += 1) await pause(20)
  assert.deepEqual(readdirSync(home), [])
}

test('a long stream is kept on disk, and nothing of it stays there', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'callweave-spool-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const before = process.env.TMPDIR
  process.env.TMPDIR = home
  t.after(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })
  const sound = longWave(25)
  assert.ok(sound.length > 20 << 20)
  let spooled = false
  const parts = async function* () {
    for (let at = 0; at < sound.length; at += 1 << 20) {
      yield sound.subarray(at, at + (1 << 20))
      spooled ||= readdirSync(home).length > 0
    }
  }
  const given = { source: Readable.from(parts()), name: 'long' }
  const report = await analyze(given)
  assert.ok(spooled)
  assert.equal(report.tracks[0].source.path, 'long')
  assert.equal(report.tracks[0].source.bytes, sound.length)
  await emptied(home)
  for await (const { error } of processBatch([Readable.from(parts()), Readable.from(parts())], { tracks: false }))
    assert.equal(error, null)
  await assert.rejects(
    analyze(
      Readable.from(
        (async function* () {
          yield* parts()
          throw new Error('cut off')
        })(),
      ),
    ),
    /cut off/,
  )
  await emptied(home)
})
