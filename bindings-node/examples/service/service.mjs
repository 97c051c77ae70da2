// Takes Tencent's pushes over http, fetches the tracks, processes the call and hands it to MCloud.
//
//     MCLOUD_TOKEN=crk_... PUSH_SECRET=... node service.mjs 8080
//
// Tencent is told to push to `https://HOST/push/SECRET`. A session is handled when no push has come for it for a while,
// and again when one comes later: the same call has the same `dataId`, so it stays one recording. What waits is kept in
// memory; a real service keeps it where a restart does not lose it.
import { createHash, timingSafeEqual } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { processCall, provider } from 'callweave'
import { Api } from './api.mjs'
import { fetchTrack, guardOf } from './fetch.mjs'

const { mcloud } = provider
const LARGEST_PUSH = 64 << 10
const digest = (text) => createHash('sha256').update(text).digest()

export class Service {
  sessions = new Map()
  failures = []
  #timers = new Map()
  #work = Promise.resolve()

  /** `direction`: a push does not say who called whom. `settleMs`: how long a session waits for another push. */
  constructor({
    api,
    guard,
    secret,
    direction = 'in',
    countryCode = '66',
    trunkPrefix = '0',
    utcOffset = '+07:00',
    settleMs = 30_000,
  }) {
    if (!secret || secret.length < 16) throw new Error('the secret in the callback’s address: at least 16 characters')
    Object.assign(this, { api, guard, secret, settleMs, says: { direction, countryCode, trunkPrefix, utcOffset } })
  }

  /** Keeps a push and says so to Tencent. */
  take(push) {
    const session = push?.SessionId
    if (typeof session !== 'string' || session === '' || provider.detect(push) !== 'tencent') {
      return provider.tencentReply(1, 'not a push of a recording')
    }
    const kept = this.sessions.get(session) ?? new Map()
    this.sessions.set(session, kept.set(JSON.stringify(push), push))
    clearTimeout(this.#timers.get(session))
    this.#timers.set(session, setTimeout(() => this.#handleKept(session), this.settleMs).unref())
    return provider.tencentReply()
  }

  /** One session at a time. */
  #handleKept(session) {
    this.#work = this.#work
      .then(() => this.handle([...this.sessions.get(session).values()]))
      .catch((error) => {
        console.error(`session ${session}: ${error.message}`)
        this.failures.push(error)
      })
  }

  /** One call from its pushes to MCloud; the recording's id there. */
  async handle(pushes) {
    const described = provider.tencent(pushes)
    const call = described.withAudio(await this.#tracks(described))
    // A track that cannot be had does not stop the call: the report says so.
    const processed = await processCall(call, { strict: false })
    const { report, audio } = await mixOf(processed)
    const body = mcloud.createBody(report, { call, ...this.says })
    const { id, uploadUrl } = await this.api.create(body)
    await this.api.upload(uploadUrl, audio, body.contentType)
    await this.api.extract(id)
    await this.api.patch(id, mcloud.patchBody(report, { note: `outcome: ${report.outcome.value}` }))
    return id
  }

  /** The tracks that can be had, each from the first of its addresses that has it. */
  async #tracks(call) {
    const tracks = {}
    for (const { urls, leg } of call.recordings) {
      for (const url of urls) {
        try {
          tracks[url] = await fetchTrack(url, this.guard)
          break
        } catch (error) {
          console.warn(`recording ${leg.recordingId}: ${error.message}`)
        }
      }
    }
    return tracks
  }

  /** The server that Tencent pushes to; to be told to listen. */
  server() {
    const expected = digest(`/push/${this.secret}`)
    return createServer({ requestTimeout: 30_000 }, async (request, response) => {
      const end = (status, text = '') =>
        response.writeHead(status, { connection: 'close', 'content-type': 'application/json' }).end(text)
      const known = timingSafeEqual(digest(request.url.split('?')[0]), expected)
      if (!known || request.method !== 'POST') return end(404)
      let text = ''
      try {
        for await (const chunk of request.setEncoding('utf8')) {
          text += chunk
          if (text.length > LARGEST_PUSH) return end(413)
        }
      } catch {
        return response.destroy()
      }
      end(200, JSON.stringify(this.take(parsed(text))))
    })
  }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The mix of a call as a file's bytes, and the report that names it. */
async function mixOf(processed) {
  const folder = await mkdtemp(join(tmpdir(), 'service-'))
  try {
    const report = await processed.write(folder)
    return { report, audio: await readFile(join(folder, report.outputs[0].path)) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { MCLOUD_TOKEN, MCLOUD_BUSINESS, MCLOUD_URL, PUSH_SECRET, TRACK_HOSTS, ALLOW_PRIVATE_ADDRESSES } = process.env
  const api = new Api({
    url: MCLOUD_URL ?? 'https://phone.mcloud.co.th/api/v1',
    token: MCLOUD_TOKEN,
    business: MCLOUD_BUSINESS,
  })
  const allowedHosts = (TRACK_HOSTS ?? '.myqcloud.com').split(',')
  const guard = guardOf({ allowedHosts, allowPrivate: ALLOW_PRIVATE_ADDRESSES !== undefined })
  new Service({ api, guard, secret: PUSH_SECRET }).server().listen(Number(process.argv[2] ?? 8080), '127.0.0.1')
}
