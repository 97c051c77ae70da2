// The example service as the tests run it, and what they ask it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { after, before } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { folder, root, serve } from './shared.mjs'

export const SECRET = 'c0ffee00c0ffee00'
/** What is ended behind the tests of a file. */
export const children = []

/** What a service of the tests is told. */
export const environment = (cloud, DATA) => ({
  DATA,
  PUSH_SECRET: SECRET,
  MCLOUD_TOKEN: 'crk_full',
  MCLOUD_URL: `${cloud}/api/v1`,
  TRACK_HOSTS: '127.0.0.1',
  ALLOW_PRIVATE_ADDRESSES: '1',
  COUNTRY_CODE: '44',
  SETTLE_S: '0.1',
  EXPECT_CDR: '0',
  RETRY_S: '1',
  TENCENT_DIRECTION: 'in',
})

const FOLDER = `${root}/fixtures/tencent-transfer`

/**
 * Serves a fixture's recordings to the tests of a file, and ends behind them what they started.
 * Gives the fixture's pushes with addresses of that server.
 */
export function servedPushes() {
  let files
  before(async () => {
    files = await serve(children, 'files', '--folder', FOLDER)
  })
  after(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  return (how = 'files') =>
    JSON.parse(readFileSync(`${FOLDER}/pushes.json`, 'utf8')).map((push) => ({
      ...push,
      RecordURL: `${files}/${how}/${push.RecordURL.split('/').at(-1)}`,
      CustomRecordURL: null,
    }))
}

/** A service that runs as it is started by its one command, and its door. */
export async function running(t, cloud, env = {}) {
  const child = spawn(process.execPath, [`${root}/bindings-node/examples/service/service.mjs`, '--port', '0'], {
    env: { ...process.env, ...environment(cloud, env.DATA ?? folder(t)), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let log = ''
  child.stderr.on('data', (data) => {
    log += data
  })
  const { value: port } = await createInterface(child.stdout)[Symbol.asyncIterator]().next()
  assert.ok(port, `the service did not start: ${log}`)
  const url = `http://127.0.0.1:${port}`
  const ask = async (path, options) => (await fetch(url + path, options)).json()
  return {
    child,
    log: () => log,
    push: (body, action = 'record') =>
      ask(`/push/${SECRET}?action=${action}&version=1`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    ended: async (callId, endedAt = '2018-01-29T16:08:44+08:00') => {
      const body = JSON.stringify({ callId, endedAt })
      return (await fetch(`${url}/ended/wellcloud/${SECRET}`, { method: 'POST', body })).status
    },
    health: () => ask('/health'),
    stop: async () => {
      child.kill('SIGTERM')
      await once(child, 'close')
    },
    listed: async () => (await ask(`/listed/${SECRET}`)).map(({ reason }) => reason),
    rests: async () => {
      const { sessions, postings } = await ask('/health')
      return !sessions.waiting && !postings.waiting
    },
    url,
  }
}

export const stands = async (cloud) => {
  const { recordings } = await (await fetch(`${cloud}/_test/state`)).json()
  return recordings.filter(({ deleted }) => !deleted)
}

export async function until(condition) {
  for (let tries = 0; !(await condition()); tries++) {
    assert.ok(tries < 1200, 'it never came')
    await pause(50)
  }
}

/** A server of this test's own; what it was asked for. */
export async function serving(t, answer) {
  const asked = []
  const own = createServer((request, response) => {
    asked.push(request.url)
    answer(request, response)
  })
  await new Promise((resolve) => own.listen(0, '127.0.0.1', resolve))
  t.after(() => own.close() && own.closeAllConnections())
  return { url: `http://127.0.0.1:${own.address().port}`, asked }
}

export const polled = (url, more) => ({
  VOIPBIN_TOKEN: 't',
  VOIPBIN_URL: url,
  VOIPBIN_DIRECTION: 'in',
  VOIPBIN_SINCE: '2026-05-01T00:00:00Z',
  POLL_S: '0.1',
  ...more,
})
