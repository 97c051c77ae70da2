import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import * as callweave from 'callweave'
import { calls, failing, folder, golden, longWave, root } from './shared.mjs'

const { analyze, decode, normalize, probe, process: processCall, version } = callweave
const CALL = 'fixtures/stereo/call.wav'
const config = { portable: true }
const program = `${root}/bindings-node/bin/callweave.cjs`

const failsWith = failing('calls.test.mjs')

for (const [call, document] of calls) {
  test(`the report of ${call} is the golden one`, async () => {
    const processed = await processCall(document, { config })
    assert.equal(`${processed.reportJson}\n`, golden(call, version))
    assert.deepEqual(processed.report, JSON.parse(golden(call, version)))
    assert.deepEqual(await analyze(document, { config }), processed.report)
  })
}

test('the program prints the same bytes', () => {
  const [call, document] = calls.find(([name]) => name === 'short')
  const printed = execFileSync(process.execPath, [program, 'process', document, '--json', '--portable'], {
    encoding: 'utf8',
  })
  assert.equal(printed, golden(call, version))
})

test('the program’s exit status', () => {
  const run = (...args) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
  assert.equal(run('--version').stdout, `callweave ${version}\n`)
  const gone = run('process', 'gone.mp3')
  assert.deepEqual([gone.status, gone.stdout], [1, ''])
  assert.match(gone.stderr, /^error: .*gone\.mp3.*\n$/)
  assert.equal(run('process').status, 2)
})

test('every kind of input is heard alike', async () => {
  const bytes = readFileSync(CALL)
  const heard = async (input) => {
    const { metrics, turns, tracks } = await analyze(input)
    return { metrics, turns, speech: tracks.map((track) => track.speech), sha256: tracks[0].source.sha256 }
  }
  const expected = await heard(CALL)
  const array = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const inputs = {
    buffer: bytes,
    'a part of a Uint8Array': new Uint8Array([1, 2, 3, ...bytes]).subarray(3),
    ArrayBuffer: array,
    Blob: new Blob([bytes]),
    Readable: createReadStream(CALL, { highWaterMark: 1000 }),
    ReadableStream: Readable.toWeb(createReadStream(CALL)),
    URL: pathToFileURL(CALL),
    'an input': { source: bytes, name: 'b.wav' },
    list: [CALL],
  }
  for (const [name, input] of Object.entries(inputs)) assert.deepEqual(await heard(input), expected, name)
})

test('what is known of an input is in the report', async () => {
  const report = await analyze([
    {
      source: 'fixtures/short/customer.wav',
      role: 'customer',
      party: '+44',
      startedAt: new Date('2026-05-20T07:11:46.500Z'),
    },
    { source: readFileSync('fixtures/short/agent.wav'), role: 'agent', startedAt: 1779261108.5, name: 'b' },
  ])
  assert.deepEqual(
    report.tracks.map((track) => track.role),
    ['customer', 'agent'],
  )
  assert.equal(report.tracks[0].party, '+44')
  assert.equal(report.call.startedAt, '2026-05-20T07:11:46.5Z')
  assert.equal(report.tracks[1].source.path, 'b')
  assert.equal(report.tracks[1].alignment.offsetMs, 2000)
})

test('offsets that are given are not overruled', async () => {
  const [source, other] = ['fixtures/short/customer.wav', 'fixtures/short/agent.wav']
  const placed = await analyze([
    { source, offsetMs: 0 },
    { source: other, offsetMs: 1234.5, offsetUncertaintyMs: 0 },
  ])
  const { offsetMs, method, uncertaintyMs } = placed.tracks[1].alignment
  assert.deepEqual([offsetMs, method, uncertaintyMs], [1234.5, 'given', 0])
  const aligned = await analyze([source, other], { config: { align: { aligned: true } } })
  assert.deepEqual([aligned.tracks[1].alignment.offsetMs, aligned.tracks[1].alignment.method], [0, 'given'])
  await assert.rejects(analyze([{ source, offsetUncertaintyMs: 5 }]), /offset/)
})

test('samples come out as typed arrays', async () => {
  const whole = await decode(CALL)
  assert.equal(whole.sampleRateHz, 8000)
  assert.equal(whole.source.codec, 'pcm_s16')
  assert.equal(whole.channels.length, 2)
  assert.ok(whole.channels.every((channel) => channel instanceof Float32Array && channel.length === 208480))
  const numbers = await decode({ source: CALL, channel: 1 }, { type: 'int16' })
  assert.equal(numbers.channels.length, 1)
  assert.ok(numbers.channels[0] instanceof Int16Array)
  const bytes = readFileSync(CALL)
  for (const at of [0, 1000, 208479]) {
    assert.equal(numbers.channels[0][at], bytes.readInt16LE(44 + 4 * at + 2))
    assert.equal(whole.channels[1][at], numbers.channels[0][at] / 32768)
  }
})

test('a recording is decoded at a lower rate where that is asked for', async () => {
  const source = 'fixtures/codecs/mpeg2.mp3'
  const config = { decode: { downsampleHz: 8000 } }
  const whole = await decode(source)
  const lower = await decode(source, { config })
  assert.deepEqual([whole.sampleRateHz, whole.source.decodedRateHz], [16000, undefined])
  const { sampleRateHz, decodedRateHz } = lower.source
  assert.deepEqual([lower.sampleRateHz, sampleRateHz, decodedRateHz], [8000, 16000, 8000])
  assert.equal(lower.channels[0].length, Math.ceil(whole.channels[0].length / 2))
  const report = await analyze(source, { config })
  assert.equal(report.tracks[0].source.decodedRateHz, 8000)
  assert.ok(!JSON.stringify(await analyze(source)).includes('decodedRateHz'))
  await assert.rejects(decode(source, { config: { decode: { downsampleHz: 4000 } } }), (error) => {
    assert.equal(error.code, 'invalid_argument')
    assert.match(error.message, /decode\.downsampleHz: found 4000 Hz, expected 8000 to 48000 Hz/)
    return true
  })
})

test('a call is mixed and written', async (t) => {
  const out = folder(t)
  const call = await processCall('fixtures/short/manifest.json', { config: { mix: { rate: 16000 } } })
  const mix = await call.mix()
  assert.deepEqual([mix.channels.length, mix.sampleRateHz], [2, 16000])
  assert.deepEqual([(await call.mix({ layout: 'mono', rate: 8000 })).channels.length], [1])
  const report = await call.write(out)
  assert.equal(report, call.report)
  assert.equal(readFileSync(`${out}/report.json`, 'utf8'), `${call.reportJson}\n`)
  const written = await decode(`${out}/${report.outputs[0].path}`, { type: 'int16' })
  assert.deepEqual(written.channels, mix.channels)
})

test('normalize brings rate and level', async (t) => {
  const output = `${folder(t)}/out.wav`
  const done = await normalize(CALL, { rate: 16000, level: '-23lufs' })
  assert.deepEqual([done.audio.channels.length, done.audio.sampleRateHz], [2, 16000])
  const filed = await normalize(CALL, { rate: 16000, level: '-23lufs', output })
  assert.deepEqual([filed.audio, filed.gainDb], [null, done.gainDb])
  assert.deepEqual((await decode(output, { type: 'int16' })).channels, done.audio.channels)
})

test('what is undefined leaves the configuration’s mix as it is', async () => {
  const config = { mix: { rate: 8000, layout: 'mono' } }
  const kept = ({ channels, sampleRateHz }) => assert.deepEqual([channels.length, sampleRateHz], [1, 8000])
  kept((await normalize(CALL, { config, rate: undefined })).audio)
  const call = await processCall(CALL, { config })
  kept(await call.mix())
  kept(await call.mix({ rate: undefined, layout: undefined }))
  assert.equal((await call.mix({ rate: 16_000, layout: undefined })).sampleRateHz, 16_000)
})

test('probe answers about what is no recording', async () => {
  assert.equal((await probe(CALL)).source.codec, 'pcm_s16')
  const page = await probe(Buffer.from('<!DOCTYPE html><html></html>'))
  assert.deepEqual([page.source, page.problem.code], [null, 'unsupported'])
})

test('a quick probe answers as the program does, from the first bytes', async (t) => {
  const cut = `${folder(t)}/cut.wav`
  writeFileSync(cut, readFileSync(CALL).subarray(0, 20_000))
  for (const path of [CALL, cut, 'fixtures/keypad-hold/agent.mp3', 'README.md']) {
    const { stdout } = spawnSync(process.execPath, [program, 'probe', '--quick', '--json', path], { encoding: 'utf8' })
    assert.equal(`${JSON.stringify(await probe(path, { quick: true }))}\n`, stdout)
  }
  const [whole, short] = [await probe(CALL, { quick: true }), await probe(cut, { quick: true })]
  assert.equal(whole.source, null)
  assert.deepEqual([short.head.declaredDurationMs, short.head.bytes], [whole.head.declaredDurationMs, 20_000])
  assert.equal((await probe(readFileSync(CALL), { quick: true })).head.codec, 'pcm_s16')
  assert.equal((await probe('README.md', { quick: true })).problem.code, 'unsupported')
  await assert.rejects(probe('gone.mp3', { quick: true }), failsWith('io', /gone\.mp3/))
  await assert.rejects(probe(CALL, { quick: 'yes' }), failsWith('invalid_argument', /quick/))
})

test('bad recordings say what and where', async () => {
  const cases = [
    ['gone.mp3', 'io', /gone\.mp3/],
    [Buffer.alloc(0), 'no_audio', /input-0/],
    [Buffer.from('{"error": "expired"}'), 'unsupported', /JSON/],
    [[CALL, 'fixtures/short/manifest.json'], 'invalid_argument', /document/],
  ]
  for (const [input, code, words] of cases) await assert.rejects(processCall(input), failsWith(code, words))
  const error = await processCall('gone.mp3').catch((e) => e)
  assert.equal(error.input, 'gone.mp3')
  assert.equal(error.stage, 'input')
})

test('wrong arguments are refused before any work', async () => {
  const cases = [
    [[5], {}, /found 5/],
    [[null], {}, /null/],
    [CALL, { signal: {} }, /signal/],
    [CALL, { onProgress: 5 }, /onProgress/],
    [CALL, { roles: ['boss'] }, /boss/],
    [CALL, { roles: ['customer'] }, /roles/],
    [CALL, { config: { speech: { threshold: 2 } } }, /speech\.threshold/],
    [Readable.from(['text']), {}, /Uint8Array/],
    [[], {}, /no recording/],
  ]
  for (const [input, options, words] of cases) {
    await assert.rejects(processCall(input, options), failsWith('invalid_argument', words))
  }
})

test('a stream longer than the limit is not read to its end', async () => {
  let read = 0
  const endless = Readable.from(
    (function* () {
      for (;;) {
        read += 65536
        yield Buffer.alloc(65536)
      }
    })(),
  )
  const options = { config: { decode: { maxBytes: 1 << 20 } } }
  await assert.rejects(analyze(endless, options), failsWith('limit_exceeded', /maxBytes|bytes/))
  assert.ok(read < 1 << 22, `${read} bytes were read`)
})

test('a stream’s own error comes through', async () => {
  const broken = Readable.from(
    (function* () {
      yield Buffer.alloc(10)
      throw new Error('connection reset')
    })(),
  )
  await assert.rejects(analyze(broken), /connection reset/)
})

test('progress is told', async () => {
  const told = []
  const wave = longWave(5)
  await analyze(wave, { onProgress: (news) => told.push(news) })
  assert.ok(told.length > 0)
  for (const { stage, bytesDone, bytesTotal } of told) {
    assert.equal(stage, 'decode')
    assert.equal(bytesTotal, wave.length)
    assert.ok(bytesDone <= bytesTotal)
  }
})
