// From Tencent's pushes, Wellcloud's calls and VoIPBin's recordings to MCloud, without a wrong or lost call.
//
//     MCLOUD_TOKEN=crk_... PUSH_SECRET=$(openssl rand -hex 16) node service.mjs --port 8080
//
// A push is answered once it is on disk. What is to be done is in the outbox: the service can be killed at any moment and
// goes on where it was.
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { CallweaveError } from 'callweave'
import { Later, Outbox, Poster, send, steps } from 'callweave/client'
import { Unpostable, made, tracksOf } from './calls.mjs'
import { door } from './http-door.mjs'
import { settingsOf } from './settings.mjs'

const LONGEST_NAP_MS = 5_000
const STALE_FILE_MS = 60_000
const AT_ONCE = 4

/** One line of JSON. A call is named by a hash: ids can hold numbers. */
export function log(event, key, more = {}) {
  const call = key ? { call: createHash('sha256').update(key).digest('hex').slice(0, 12) } : {}
  console.error(JSON.stringify({ at: Date.now() / 1000, event, ...call, ...more }))
}

export class Service {
  #stopping = new AbortController()
  #wakers = new Set()
  #tasks = []
  #sweptMs = 0

  constructor(settings) {
    mkdirSync(settings.folder, { recursive: true })
    this.settings = settings
    this.outbox = new Outbox(join(settings.folder, 'outbox.sqlite'))
    const { anywhere: guard, policy } = settings
    this.poster = new Poster(this.outbox, settings.mcloud, { guard, policy })
  }

  start() {
    const revived = this.outbox.revive()
    if (revived > 0) log('revived', '', { many: revived })
    const rounds = [() => this.#sessions(), () => this.#postings()]
    if (this.settings.voipbin) rounds.push(() => this.#poll())
    this.#tasks = rounds.map((round) => this.#loop(round))
  }

  /** Ends behind the step that is being worked on. */
  async stop() {
    this.#stopping.abort()
    this.#wake()
    await Promise.all(this.#tasks)
    this.outbox.close()
  }

  get #stopped() {
    return this.#stopping.signal.aborted
  }

  /** Keeps a push and then says so. */
  push(action, uuid, body) {
    try {
      const taken = this.outbox.push(action, uuid, body)
      log('push', '', { action: action.slice(0, 20), taken })
    } catch (error) {
      if (!(error instanceof CallweaveError)) throw error
      log('push_refused', '', { reason: error.code })
      return { ErrCode: 1, ErrMsg: 'not a push' }
    }
    this.#wake()
    return { ErrCode: 0, ErrMsg: '' }
  }

  /** Keeps a call whose recordings are to be asked for. */
  callEnded(provider, { callId, endedAt } = {}) {
    if (provider !== 'wellcloud' || !this.settings.wellcloud || typeof callId !== 'string' || !callId) return false
    const endedMs = typeof endedAt === 'string' ? Date.parse(endedAt) : Date.now()
    if (Number.isNaN(endedMs)) return false
    this.outbox.addCall(provider, callId, endedMs)
    this.#wake()
    return true
  }

  #wake() {
    for (const wake of this.#wakers) wake()
  }

  async #loop(round) {
    while (!this.#stopped) {
      const napMs = await round().catch((error) => {
        log('failure', '', { reason: error.name })
        return 1_000
      })
      if (this.#stopped) return
      await new Promise((resolve) => {
        const timer = setTimeout(() => wake(), napMs)
        const wake = () => {
          clearTimeout(timer)
          this.#wakers.delete(wake)
          resolve()
        }
        this.#wakers.add(wake)
      })
    }
  }

  /** Works on rows, a few at once: one that waits for a slow server holds up no more than three others. */
  async #each(rows, work) {
    const left = [...rows]
    const worker = async () => {
      while (left.length > 0 && !this.#stopped) await work(left.shift())
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  #napMs() {
    const due = this.outbox.nextDue()
    return due === null ? LONGEST_NAP_MS : Math.min(Math.max(due - Date.now(), 10), LONGEST_NAP_MS)
  }

  /** One round over the sessions that are due; the time until the next. */
  async #sessions() {
    await this.#each(this.outbox.dueSessions(Date.now()), async (row) => {
      try {
        await this.#look(row)
      } catch (error) {
        log('failure', row.key, { reason: error.name })
        this.outbox.putSession(row, Date.now() + 60_000)
      }
    })
    await this.#sweep()
    return this.#napMs()
  }

  /** Looks how a session stands and does what follows. */
  async #look(due) {
    const { patience } = this.settings
    const pieces = due.provider !== 'tencent'
    const row = pieces ? await this.#asked(due) : due
    const nowMs = Date.now()
    const look = pieces
      ? steps.piecesStanding({ pieces: row.state, nowMs, patience })
      : steps.sessionStanding({ session: row.state, nowMs, patience })
    const again = look.nextLookMs ?? null
    const { standing, untilMs } = look.standing
    if (standing === 'waiting') {
      this.outbox.putSession(row, again === null ? untilMs : Math.min(untilMs, again))
    } else if (standing === 'settled') this.outbox.putSession(row, again, { status: 'settled' })
    else await this.#make(row, look, again)
  }

  /** The session behind another look at its provider's list, if one is due. */
  async #asked(row) {
    const nowMs = Date.now()
    const { nextLookMs } = steps.piecesStanding({ pieces: row.state, nowMs, patience: this.settings.patience })
    if (nextLookMs === null || nextLookMs > nowMs) return row
    const rows = await this.#rows(row, nowMs)
    return rows === null ? row : { ...row, state: steps.piecesTake({ pieces: row.state, rows, nowMs }).pieces }
  }

  /** What the provider lists of a call; null where it could not be asked. */
  async #rows(row, nowMs) {
    const { wellcloud, voipbin } = this.settings
    if (row.provider === 'wellcloud') {
      const id = row.key.slice('wellcloud:'.length)
      const answer = await send(steps.wellcloudRequest({ endpoint: 'recordings', id, api: wellcloud }))
      if (steps.judge({ of: 'wellcloud', answer, nowMs, sinceMs: row.seenMs }).judgement === 'again') return null
      return steps.wellcloudList({ status: answer.status, body: answer.body }).rows
    }
    const found = []
    for (const { id } of row.state.rows) {
      const answer = await send(steps.voipbinRequest({ endpoint: 'recording', id, api: voipbin }))
      if (answer.status !== 200) return null
      found.push(JSON.parse(answer.body))
    }
    return found
  }

  async #make(row, look, again) {
    const { fingerprint } = look
    const state =
      row.provider === 'tencent'
        ? steps.sessionHandled({ session: row.state, fingerprint })
        : steps.piecesHandled({ pieces: row.state, fingerprint })
    const startedMs = Date.now()
    try {
      if (look.described === null) throw new Unpostable('no_recording')
      const { body, audio, file, missing } = await made(this.settings, row, look.document)
      const reason = missing.length > 0 ? `incomplete: ${missing.join(',')}` : null
      const kept = this.outbox.enqueue(row, { state, dueMs: again, body, audio, file, reason })
      log('made', row.key, { kept, missing: missing.length, seconds: (Date.now() - startedMs) / 1000 })
      this.#wake()
    } catch (error) {
      if (error instanceof Later) return this.#later(row, state, again, error)
      if (!(error instanceof Unpostable)) throw error
      this.#list(row, again, error.reason, state)
    }
    await rm(tracksOf(this.settings, row), { recursive: true, force: true })
  }

  #list(row, again, reason, state) {
    this.outbox.putSession(row, again, { status: 'listed', reason, state })
    log('listed', row.key, { reason })
  }

  /** A recording cannot be had for now: the call waits for it, a day long. */
  #later(row, state, again, { waitMs }) {
    if (Date.now() - row.seenMs > this.settings.giveUpMs) {
      return this.#list(row, again, 'recording_unreachable', state)
    }
    this.outbox.putSession(row, Math.ceil(Date.now() + waitMs))
    log('later', row.key, { waitMs })
  }

  async #postings() {
    await this.#each(this.outbox.duePostings(Date.now()), async (row) => {
      try {
        await this.poster.step(row)
      } catch (error) {
        this.outbox.putPosting(row, row.state, null, { status: 'failed', reason: `posting_${error.name}` })
        log('failure', row.key, { reason: error.name })
      }
    })
    return this.#napMs()
  }

  /** Looks through VoIPBin's list, newest first, up to what was seen before. */
  async #poll() {
    const { voipbin, pollMs } = this.settings
    const seen = this.outbox.note('voipbin')
    let [pageToken, newest] = [undefined, '']
    for (let page = 0; page < 100; page++) {
      const answer = await send(
        steps.voipbinRequest({ endpoint: 'recordings', api: voipbin, pageSize: 100, pageToken }),
      )
      if (answer.status !== 200) return pollMs
      const { records, nextPageToken } = steps.voipbinPage({ body: answer.body })
      for (const record of records) {
        if ((record.tm_create ?? '') > newest) newest = record.tm_create
        this.outbox.takeRows('voipbin', record.reference_id || record.id, [record])
      }
      pageToken = nextPageToken ?? undefined
      if (pageToken === undefined || (seen && records.some(({ tm_create: at }) => at < seen))) break
    }
    if (newest) this.outbox.note('voipbin', newest)
    this.#wake()
    return pollMs
  }

  /** Takes away mixes that are uploaded, and what a kill left. */
  async #sweep() {
    if (Date.now() - this.#sweptMs < STALE_FILE_MS) return
    this.#sweptMs = Date.now()
    const folder = join(this.settings.folder, 'mixes')
    const needed = this.outbox.files()
    for (const name of await readdir(folder).catch(() => [])) {
      const file = join(folder, name)
      const { mtimeMs } = await stat(file)
      if (!needed.has(file) && Date.now() - mtimeMs > STALE_FILE_MS) await rm(file, { force: true })
    }
  }

  /** How much is how far, without anybody's data. */
  health() {
    const due = this.outbox.nextDue()
    return { ok: !this.#stopped, behindMs: due === null ? 0 : Math.max(0, Date.now() - due), ...this.outbox.counts() }
  }
}

function main() {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8080' }, host: { type: 'string', default: '127.0.0.1' } },
  })
  const service = new Service(settingsOf(process.env))
  const server = door(service)
  const stop = () => {
    server.close(async () => {
      await service.stop()
      log('stopped')
    })
    server.closeIdleConnections()
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop)
  server.listen(Number(values.port), values.host, () => {
    service.start()
    console.log(server.address().port)
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main()
