// Providers' documents: the fixtures' calls with their audio in memory give the golden reports, and
// what MCloud takes.
import assert from 'node:assert/strict'
import { createReadStream, readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { CallweaveError, analyze, process as processCall, provider, version } from 'callweave'
import { golden } from './shared.mjs'

const { mcloud } = provider
const json = (path) => JSON.parse(readFileSync(path, 'utf8'))
const config = { portable: true }

/** The audio of a fixture by file name, each as an input. */
const audioOf = (call, end, input = (path) => readFileSync(path)) =>
  Object.fromEntries(
    readdirSync(`fixtures/${call}`)
      .filter((name) => name.endsWith(end))
      .map((name) => [name, input(`fixtures/${call}/${name}`)]),
  )

/** A report without the names of its files. */
const nameless = (report) => JSON.parse(JSON.stringify(report, (name, value) => (name === 'path' ? undefined : value)))

const documents = [
  ['tencent-dual', 'pushes.json', '.mp3', provider.tencent],
  ['tencent-transfer', 'pushes.json', '.mp3', provider.tencent],
  ['wellcloud', 'recordings2.json', '.wav', provider.wellcloud],
  ['voipbin', 'recording.json', '.zip', provider.voipbin],
]
for (const [call, document, end, read] of documents) {
  test(`the call of ${call} with its audio in memory gives the golden report`, async () => {
    const expected = nameless(JSON.parse(golden(call, version)))
    const described = read(json(`fixtures/${call}/${document}`), { audio: audioOf(call, end) })
    assert.deepEqual([described.missing, described.unused], [[], []])
    assert.deepEqual(nameless(await analyze(described, { config })), expected)
    const streams = provider
      .read(readFileSync(`fixtures/${call}/${document}`))
      .withAudio(audioOf(call, end, createReadStream))
    assert.deepEqual(nameless((await processCall(streams, { config })).report), expected)
    assert.equal(provider.detect(json(`fixtures/${call}/${document}`)), described.kind)
  })
}

test('audio is matched by id, and what has none is told', async () => {
  const pushes = json('fixtures/tencent-dual/pushes.json')
  const [name, bytes] = Object.entries(audioOf('tencent-dual', '.mp3'))[0]
  const id = pushes.find((push) => push.RecordURL.endsWith(name)).RecordId
  const call = provider.tencent(pushes, { audio: { [id]: bytes, other: bytes } })
  assert.equal(call.missing.length, 1)
  assert.deepEqual(call.unused, ['other'])
  await assert.rejects(analyze(call), /cannot be read/)
  const report = await analyze(call, { strict: false })
  assert.equal(report.tracks.filter((track) => track.error).length, 1)
  assert.ok(report.warnings.some((warning) => warning.code === 'audio_unused'))
})

test('what the caller says of an input goes before the document', async () => {
  const call = provider.threecx('[A]_0812345678-204_20260520081400(7).wav', {
    audio: { source: 'fixtures/unclosed/call.wav', role: 'customer' },
    utcOffset: '+07:00',
  })
  assert.equal(call.customer, '0812345678')
  const report = await analyze(call)
  assert.equal(report.tracks[0].role, 'customer')
  assert.deepEqual([report.call.direction, report.call.startedAt], ['in', '2026-05-20T08:14:00+07:00'])
})

test('a vCon tells its facts and takes a report', async () => {
  const text = readFileSync('fixtures/stereo/call.vcon.json', 'utf8')
  const call = provider.vcon(text, { audio: audioOf('stereo', '.wav') })
  assert.deepEqual([call.kind, call.call.direction, call.missing], ['vcon', 'in', []])
  assert.deepEqual(
    call.call.facts.map((fact) => fact.kind),
    ['answer', 'hangup'],
  )
  assert.match(call.recordings[0].contentHash[0], /^sha512-/)
  const report = await analyze(call, { config })
  const withReport = provider.vconWithReport(text, report)
  assert.deepEqual(JSON.parse(withReport).analysis[0].body, JSON.parse(JSON.stringify(report)))
  const [before, behind] = text.split('"analysis": []')
  assert.ok(withReport.startsWith(before) && withReport.endsWith(behind))
  assert.equal(provider.detect(withReport), 'vcon')
  const wrong = provider.vcon(text.replace('sha512-3', 'sha512-4'), { audio: audioOf('stereo', '.wav') })
  await assert.rejects(analyze(wrong), /wrong content_hash/)
  assert.throws(() => provider.vconWithReport({ tracks: [] }, report), { code: 'unsupported' })
})

test('the published examples are read', async () => {
  const published = (name) => readFileSync(`fixtures/published/${name}`, 'utf8')
  const inside = provider.read(published('vcon/ab_call_int_rec.vcon'))
  assert.equal((await analyze(inside)).call.durationMs, 4720)
  assert.equal((await analyze('fixtures/published/vcon/ab_call_int_rec.vcon')).tracks.length, 1)
  for (const form of ['signed', 'encrypted'])
    assert.throws(() => provider.vcon(published(`vcon/ab_call_ext_rec_${form}.vcon`)), { code: 'unsupported' })
  const metadata = ['rfc7865-8.1', 'rfc8068-hold', 'rfc7865-8.2'].map((name) => published(`siprec/${name}.xml`))
  const call = provider.siprec(metadata.join('\n'))
  assert.deepEqual(
    call.recordings.map((recording) => recording.aliases[0]),
    ['96', '97', '98', '99'],
  )
  assert.deepEqual(
    call.call.facts.map((fact) => fact.kind),
    ['hangup'],
  )
  assert.equal(provider.detect(metadata[0]), 'siprec')
})

test('the streams of SIPREC are found by their labels', async () => {
  const audio = { customer: 'fixtures/short/customer.wav', agent: 'fixtures/short/agent.wav' }
  const call = provider.siprec(readFileSync('fixtures/short/siprec.xml'), { audio })
  const report = await analyze(call, { roles: ['customer', 'agent'] })
  assert.deepEqual(
    report.tracks.map((track) => track.party),
    ['+447700900121', '202@lakeside.example'],
  )
})

test('nothing is lost: unknown fields are kept and named', () => {
  const call = provider.tencent({ SessionId: 's', RecordId: '1', New: [1] })
  assert.deepEqual(call.recordings[0].extra.New, [1])
  assert.deepEqual(
    call.warnings.map((warning) => warning.code),
    ['unknown_field', 'role_unknown'],
  )
})

test('pages are several calls', () => {
  const page = {
    items: [
      { id: 'a', dataId: 'x' },
      { id: 'b', dataId: 'y' },
    ],
    total: 2,
  }
  assert.deepEqual(
    provider.readAll(page).map((call) => call.call.id),
    ['x', 'y'],
  )
  assert.throws(() => provider.read(page), { code: 'invalid_argument' })
})

test('the zone of times without one is the caller’s to say', () => {
  const rows = json('fixtures/wellcloud/recordings2.json')
  assert.match(provider.wellcloud(rows).call.startedAt, /\+08:00$/)
  assert.match(provider.wellcloud(rows, { utcOffset: '+07:00' }).call.startedAt, /\+07:00$/)
})

test('replies, refusals and paths', () => {
  assert.equal(JSON.stringify(provider.tencentReply()), '{"ErrCode":0,"ErrMsg":""}')
  assert.deepEqual(provider.wellcloudRefusal(200, '{"code": 425}'), {
    code: 425,
    message: '425: no call with this recording id',
    retryable: true,
  })
  assert.equal(provider.wellcloudRefusal(200, 'RIFF'), null)
  assert.equal(provider.wellcloudListPath('a/b'), '/api/operation/tenant/calls/a%2Fb/recordings2')
  assert.equal(provider.wellcloudStreamPath('a'), '/api/operation/tenant/recording/a/stream2?download=false')
})

test('a processed call becomes what MCloud takes', async () => {
  const path = 'fixtures/tencent-transfer/pushes.json'
  const report = await analyze(path)
  const call = provider.tencent(json(path))
  const body = mcloud.createBody(report, {
    call,
    direction: 'in',
    countryCode: '44',
    trunkPrefix: '0',
    utcOffset: '+07:00',
  })
  assert.deepEqual(body, {
    dataId: 'tencent_dc2d0354eceb453ac40ec7bdd4b09654',
    callAt: '2026-05-21T09:40:09+07:00',
    direction: 'in',
    customerPhone: '+447700900187',
    tag: 'normal',
    audioPresignedUploadUrl: true,
  })
  assert.equal(mcloud.dataId(report), body.dataId)
  assert.equal(mcloud.dataId(call), body.dataId)
  assert.deepEqual(
    mcloud.createBody(report, { direction: 'in', callAt: new Date('2026-05-20T01:14:00Z') }).callAt,
    '2026-05-20T01:14:00Z',
  )
  assert.throws(
    () => mcloud.createBody(report),
    (error) => {
      assert.ok(error instanceof CallweaveError)
      assert.match(error.message, /direction/)
      assert.match(error.stack, /provider\.test\.mjs/)
      return true
    },
  )
  assert.throws(() => mcloud.createBody(report, { direction: 'in', dataId: 'a@b' }), { code: 'invalid_argument' })
})

test('the tag is a reviewer’s', async () => {
  const report = await analyze('fixtures/short/manifest.json')
  assert.deepEqual(mcloud.patchBody(report, { note: 'n' }), { note: 'n' })
  assert.deepEqual(mcloud.patchBody(report, { overwriteTag: true }), { tag: report.tag.value })
  assert.deepEqual(mcloud.patchBody(undefined, { linkedUserId: null }), { linkedUserId: null })
})

test('errors tell whether a retry can cure them', () => {
  assert.deepEqual(mcloud.error('rate_limited'), {
    status: 429,
    code: 'rate_limited',
    known: true,
    message: null,
    retryable: true,
  })
  assert.equal(mcloud.readError(502, '<html>').retryable, true)
  assert.equal(mcloud.readError(201), null)
  assert.throws(() => mcloud.error('tired'), { code: 'invalid_argument' })
})

test('the list’s query is checked', () => {
  assert.equal(mcloud.listQuery({ limit: 10, direction: 'in' }), 'limit=10&direction=in')
  assert.throws(() => mcloud.listQuery({ limit: 201 }), { code: 'invalid_argument' })
  assert.equal(mcloud.e164('0812345678', '66', '0'), '+66812345678')
})

test('the types name every helper and every code, and no other', () => {
  const types = readFileSync('bindings-node/lib/provider.d.cts', 'utf8')
  const members = (name) => {
    const body = types.match(new RegExp(`^export interface ${name} \\{\n(.*?)^\\}`, 'ms'))[1]
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map((match) => match[1]).sort()
  }
  assert.deepEqual(members('Provider'), Object.keys(provider).sort())
  assert.deepEqual(members('Mcloud'), Object.keys(mcloud).sort())
  const codes = types.match(/type ApiCode =\n((?: {2}\| '\w+'\n)+)/)[1].match(/\w+/g)
  assert.throws(
    () => mcloud.error('tired'),
    (error) => {
      assert.deepEqual(error.expected.split(', '), codes)
      return true
    },
  )
})
