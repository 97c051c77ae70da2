// The examples are run as they are: an upload over Fastify, a worker of a queue, S3 by its SDK
// against a server on loopback.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { analyze } from 'callweave'
import { build } from '../examples/fastify/server.mjs'
import { work } from '../examples/queue/worker.mjs'
import { root } from './shared.mjs'

const PARTIES = ['fixtures/short/customer.wav', 'fixtures/short/agent.wav']
/** moto at a free port, which it prints; it ends with who started it. */
const MOTO = `
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel("WARNING")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
`
const expected = await analyze(PARTIES, { roles: ['customer', 'agent'] })

test('Fastify takes recordings and streams the mix', async (t) => {
  const app = build()
  t.after(() => app.close())
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const form = new FormData()
  for (const [i, role] of ['customer', 'agent'].entries())
    form.append(role, new Blob([readFileSync(PARTIES[i])]), `${role}.wav`)
  const { id, report } = await (await fetch(`${address}/calls`, { method: 'POST', body: form })).json()
  assert.deepEqual(report.turns, expected.turns)
  const mix = await fetch(`${address}/calls/${id}/mix.flac`)
  assert.equal(mix.headers.get('content-type'), 'audio/flac')
  assert.equal(
    Buffer.from(await mix.arrayBuffer())
      .subarray(0, 4)
      .toString(),
    'fLaC',
  )
  const wrong = new FormData()
  wrong.append('agent', new Blob(['no recording']), 'a.wav')
  const refused = await fetch(`${address}/calls`, { method: 'POST', body: wrong })
  assert.equal(refused.status, 415)
  assert.equal((await refused.json()).code, 'unsupported')
})

test('a worker settles every job of a queue, and stops without losing one', async () => {
  const jobs = [PARTIES, Buffer.from('poison'), 'nowhere.wav', ...Array(20).fill(PARTIES)].map((inputs, id) => ({
    id,
    inputs,
  }))
  const settled = new Map()
  const stored = new Map()
  const queue = {
    receive: async () => jobs.shift() ?? null,
    done: async (job) => settled.set(job.id, 'done'),
    failed: async (job, { retry }) => settled.set(job.id, retry ? 'again' : 'poison'),
  }
  const controller = new AbortController()
  const store = async (id, report) => {
    stored.set(id, report)
    if (stored.size === 4) controller.abort()
  }
  await assert.rejects(work(queue, store, { signal: controller.signal, threads: 2 }), { code: 'cancelled' })
  assert.deepEqual([settled.get(0), settled.get(1), settled.get(2)], ['done', 'poison', 'again'])
  assert.equal(stored.size, [...settled.values()].filter((how) => how === 'done').length)
  assert.ok(jobs.length > 10, 'no more is taken than is worked on')
  await work(queue, async () => {}, { threads: 2 })
  assert.equal(jobs.length, 0)
})

test('S3 by its SDK, in and out as streams', async (t) => {
  const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target')
  const python = process.env.CALLWEAVE_PYTHON ?? join(target, 'venv/bin/python')
  if (spawnSync(python, ['-c', 'import moto.server']).status !== 0)
    return t.skip('no moto: tests/run python installs it')
  const moto = spawn(python, ['-c', MOTO], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => moto.kill())
  const { value: port } = await createInterface(moto.stdout)[Symbol.asyncIterator]().next()
  assert.ok(port, 'moto did not start')
  const { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const { processObjects } = await import('../examples/s3/process.mjs')
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  })
  await client.send(new CreateBucketCommand({ Bucket: 'calls' }))
  for (const path of PARTIES)
    await client.send(new PutObjectCommand({ Bucket: 'calls', Key: path, Body: readFileSync(path) }))
  const report = await processObjects(client, 'calls', PARTIES, 'out/1', { roles: ['customer', 'agent'] })
  assert.deepEqual(report.turns, expected.turns)
  assert.equal(report.tracks[0].source.path, `s3://calls/${PARTIES[0]}`)
  const read = async (key) => (await client.send(new GetObjectCommand({ Bucket: 'calls', Key: key }))).Body
  assert.equal(
    Buffer.from(await (await read('out/1/mix.flac')).transformToByteArray())
      .subarray(0, 4)
      .toString(),
    'fLaC',
  )
  assert.equal(
    JSON.parse(await (await read('out/1/report.json')).transformToString()).call.durationMs,
    expected.call.durationMs,
  )
  client.destroy()
})
