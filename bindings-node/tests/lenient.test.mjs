// With `strict: false` a recording that cannot be read becomes a track with an error, however it
// was to be had; and every stream's error names its input.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { align, analyze, decode, processBatch, processCall, provider } from 'callweave'
import { failing } from './shared.mjs'

const refused = failing('lenient.test.mjs')
const AGENT = 'fixtures/short/agent.wav'
const CUSTOMER = 'fixtures/short/customer.wav'

/** A stream that fails. */
const broken = () =>
  new Readable({
    read() {
      this.destroy(new Error('cut off'))
    },
  })
const missing = () => new Response('', { status: 404 })

/** The address of a server that breaks off amid a recording. */
async function breaking(t) {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '100000' })
    response.write(readFileSync(CUSTOMER).subarray(0, 5000))
    setTimeout(() => response.destroy(), 20)
  }).listen(0)
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  return new URL(`http://127.0.0.1:${server.address().port}/1.wav`)
}

test('streams, responses and addresses may be missing', async (t) => {
  const url = await breaking(t)
  const cases = [
    [missing(), /response.*HTTP 404/],
    [broken(), /input-0.*cut off/],
    [{ source: broken(), name: 'left', role: 'customer' }, /left.*cut off/],
    [url, /1\.wav.*broke off/],
  ]
  for (const [input, words] of cases) {
    const { tracks, warnings } = await analyze([input, AGENT], { strict: false })
    assert.equal(tracks[0].error.code, 'io')
    assert.match(tracks[0].error.message, words)
    assert.equal(tracks[1].error ?? null, null)
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['track_unreadable'],
    )
  }
  const { report } = await processCall([{ source: broken(), role: 'customer' }, AGENT], { strict: false })
  assert.equal(report.tracks[0].role, 'customer')
  for (const strict of [true, false]) {
    const { error, report } = (await processBatch([[missing(), AGENT]], { strict }).next()).value
    assert.equal(error?.code ?? report.tracks[0].error.code, 'io')
    assert.equal(error === null, !strict)
  }
})

test('what is wrong with an argument fails the call all the same', async () => {
  for (const input of [5, Readable.from(['text']), new URL('ftp://example.com/a.mp3')])
    await assert.rejects(analyze([input, AGENT], { strict: false }), { code: 'invalid_argument' })
  await assert.rejects(analyze([broken()], { strict: false }), refused('io', /cut off/))
  const controller = new AbortController()
  const work = analyze([new Readable({ read() {} }), AGENT], { strict: false, signal: controller.signal })
  controller.abort()
  await assert.rejects(work, { code: 'cancelled' })
})

test('placements are those of a whole call unless a leg may be missing', async () => {
  for (const options of [{}, { strict: true }])
    await assert.rejects(align(['/nope.wav', AGENT], options), refused('io', /nope\.wav/))
  const [gone, here] = await align(['/nope.wav', AGENT], { strict: false })
  assert.deepEqual([gone, here.confidence], [null, 1])
})

test('the error of a stream names its input', async () => {
  await assert.rejects(
    decode({ source: broken(), name: 'left' }),
    (e) => refused('io', /left: broke off: cut off/)(e) && e.input === 'left' && e.cause.message === 'cut off',
  )
  await assert.rejects(analyze([AGENT, broken()]), { code: 'io', input: 'input-1' })
  await assert.rejects(decode({ source: missing(), name: 'left' }), { code: 'io', input: 'left' })
  const document = { tracks: [{ role: 'agent', path: 'a.wav' }] }
  await assert.rejects(analyze(provider.manifest(document, { audio: { 'a.wav': broken() } })), {
    code: 'io',
    input: 'a.wav',
  })
})

test('samples that are none are no audio', async () => {
  for (const source of [new Int16Array(0), new Float32Array(0)])
    await assert.rejects(analyze({ source, sampleRateHz: 8000 }), refused('no_audio', /samples in memory: found 0/))
})
