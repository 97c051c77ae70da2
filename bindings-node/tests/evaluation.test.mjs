// Evaluation, calibration and comparison; known facts and profiles.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  analyze,
  calibrate,
  calibrateByReports,
  compare,
  evaluate,
  process as processCall,
  resolveConfig,
} from 'callweave'
import { folder } from './shared.mjs'

const SHORT = 'fixtures/short/manifest.json'

test('counts of calls whose truth is known', async () => {
  const found = await evaluate('fixtures/stereo', { kinds: ['split', 'summed'], roles: ['customer', 'agent'] })
  assert.deepEqual(
    found.placement.map((row) => row.kind),
    ['split', null],
  )
  assert.equal(found.placement[0].within250Ms.count, 1)
  assert.match(String(found), /equal starts/)
  const [{ missed }] = found.speech
  assert.ok(missed.share !== null && missed.low === null, 'frames hang together')
  const profile = { name: 'trunk', config: { confidenceMap: [[0.5, 0.4]] } }
  const again = await evaluate('fixtures/stereo', { kinds: ['split', 'split'], config: { profile } })
  assert.deepEqual([again.calibrated, again.placement.length], [true, 2])
  assert.throws(() => calibrate(again), { code: 'invalid_argument', message: /calibrated already/ })
  assert.throws(() => calibrate(found), { code: 'invalid_argument', message: /placements/ })
  await assert.rejects(evaluate('fixtures/short'), { code: 'invalid_argument' })
  await assert.rejects(evaluate('fixtures/stereo', { roles: ['agent'] }), { code: 'invalid_argument' })
})

test('the distance of recorders is measured on reports', async (t) => {
  const out = folder(t)
  const report = JSON.parse(readFileSync('fixtures/tencent-dual/report.json', 'utf8'))
  for (let number = 0; number < 10; number += 1) {
    for (const track of report.tracks) track.source.sha256 = `${number} ${track.index}`
    Object.assign(report.tracks[1].alignment, { offsetMs: -850 + 10 * (number - 5), confidence: 0.95 })
    mkdirSync(`${out}/${number}`)
    writeFileSync(`${out}/${number}/report.json`, JSON.stringify(report))
  }
  const profile = await calibrateByReports(out, { name: 'trunk' })
  const offsetPrior = { of: 'customer', after: 'agent', meanMs: 855, spreadMs: 37, calls: 10 }
  assert.deepEqual([profile.name, profile.config], ['trunk', { align: { offsetPrior } }])
  assert.deepEqual(await calibrateByReports([out], { name: 'trunk' }), profile)
  assert.equal(resolveConfig({ profile }).align.offsetPrior.meanMs, 855)
  const echoPrior = { nearShare: 0.25, farMs: 420, farSpreadMs: 60 }
  assert.deepEqual(resolveConfig({ align: { echoPrior } }).align.echoPrior, echoPrior)
  const half = { align: { echoPrior: { nearShare: 0.25, farMs: 420 } } }
  assert.throws(() => resolveConfig(half), { code: 'invalid_argument', message: /align\.echoPrior\.farSpreadMs/ })
  writeFileSync(`${out}/9/report.json`, '{')
  await assert.rejects(calibrateByReports(out), { code: 'invalid_argument', message: /found 9 of 9 reports/ })
})

test('two folders of reports are compared', async (t) => {
  const out = folder(t)
  const report = await analyze(SHORT)
  for (const name of ['old', 'new']) {
    mkdirSync(`${out}/${name}/a`, { recursive: true })
    const tag = name === 'new' ? { ...report.tag, value: 'other' } : report.tag
    writeFileSync(`${out}/${name}/a/report.json`, JSON.stringify({ ...report, tag }))
  }
  const found = await compare(`${out}/old`, `${out}/new`)
  assert.deepEqual([found.both, found.calls[0].call, found.calls[0].tag.to], [1, 'a', 'other'])
  assert.match(String(found), /1 calls in both/)
  assert.deepEqual((await compare(`${out}/old`)).calls, [])
  mkdirSync(`${out}/new/b`)
  writeFileSync(`${out}/new/b/report.json`, '{')
  const broken = await compare(`${out}/old`, `${out}/new`)
  assert.deepEqual(broken.unreadableOld, [])
  const [unreadable] = broken.unreadableNew
  assert.equal(unreadable.report, 'b/report.json')
  assert.match(unreadable.reason, /^not JSON: EOF/)
  writeFileSync(`${out}/labels.csv`, 'gone.wav,normal')
  await assert.rejects(evaluate('fixtures/stereo', { labels: `${out}/labels.csv` }), { message: /gone\.wav/ })
})

test('facts bound a call, and a profile says who is on which channel', async () => {
  const report = await analyze(SHORT, { facts: [{ kind: 'hangup', atMs: 3000 }] })
  assert.deepEqual([report.facts[0].kind, report.facts[0].contradicted], ['hangup', true])
  const outside = await analyze(SHORT, { facts: [{ kind: 'answer', atMs: 3_600_000 }] })
  assert.deepEqual([outside.warnings[0].code, outside.facts ?? []], ['fact_outside_call', []])
  const call = await processCall(SHORT, { facts: [{ kind: 'answer', at: new Date(1779450482000) }] })
  assert.equal(call.report.facts[0].kind, 'answer')
  await assert.rejects(analyze(SHORT, { facts: [{ kind: 'ring', atMs: 0 }] }), { code: 'malformed' })
  await assert.rejects(analyze(SHORT, { facts: {} }), { code: 'invalid_argument' })
  const stereo = await analyze('fixtures/stereo/call.wav', { config: { profile: 'vicidial' } })
  assert.deepEqual(
    stereo.tracks.map((track) => track.role),
    ['agent', 'customer'],
  )
  assert.equal(stereo.profile.name, 'vicidial')
  const unused = await analyze('fixtures/stereo/call.wav', { config: { profile: 'freeswitch' } })
  assert.deepEqual(
    unused.warnings.map((warning) => warning.code),
    ['profile_channels_unused'],
  )
  const trunk = { name: 'trunk', config: { speech: { threshold: 0.6 }, voices: false } }
  const given = await analyze(SHORT, { config: { profile: trunk, speech: { threshold: 0.5 } } })
  assert.deepEqual(given.config, { voices: false }, 'what is given goes before the profile')
  const wrong = analyze('fixtures/stereo/call.wav', { config: { profile: 'freswitch' } })
  await assert.rejects(wrong, { code: 'invalid_argument', message: /did you mean `freeswitch`/ })
})
