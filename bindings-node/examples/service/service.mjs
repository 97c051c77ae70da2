// From Tencent's pushes, Wellcloud's calls and VoIPBin's recordings to MCloud, without a wrong or
// lost call.
//
//     MCLOUD_TOKEN=crk_... PUSH_SECRET=$(openssl rand -hex 16) node service.mjs --port 8080
//
// A push is answered once it is on disk. What is to be done is in the outbox: the service can be
// killed at any moment and goes on where it was.
import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { CallweaveError } from 'callweave'
import { Later, Outbox, Poster, steps } from 'callweave/client'
import { Asks, NoList, Refusal } from './asks.mjs'
import { Unpostable, made, tracksOf } from './calls.mjs'
import { door } from './http-door.mjs'
import { unixMs } from './moments.mjs'
import { Poll } from './polling.mjs'
import { settingsOf } from './settings.mjs'
import { AT_ONCE, Workers } from './workers.mjs'

const LONGEST_NAP_MS = 5_000
const REFUSED_NAP_MS = 3_600_000
const STALE_FILE_MS = 60_000
/** So far two clocks may differ: a call that ended later than that has not ended. */
const CLOCKS_MS = 600_000
const PROVIDERS = ['tencent', 'wellcloud', 'voipbin']

/** One line of JSON. A call is named by a hash: ids can hold numbers. */
export function log(event, key, more = {}) {
  const call = key ? { call: createHash('sha256').update(key).digest('hex').slice(0, 12) } : {}
  console.error(JSON.stringify({ at: Date.now() / 1000, event, ...call, ...more }))
}

/** Why something failed, by a stable code without a word of whom it was about. */
const codeOf = (error) => error.code ?? error.name

/** One line: what failed, and where in the program. */
function logFailure(error, key) {
  const [, file, line] = /\(?([^\s(]+):(\d+):\d+\)?\n/.exec(`${error.stack}\n`) ?? []
  log('failure', key, { reason: codeOf(error), where: file && `${basename(file)}:${line}` })
}

/**
 * Loops over one outbox: they make records of sessions and bring them to MCloud, each session for
 * itself.
 */
export class Service {
  #stopping = new AbortController()
  #woken = false
  #nap = null
  #tasks = []
  #sweptMs = 0
  #pollRefused = null
  #pollFailing = null
  #workers = new Workers(logFailure, () => this.#wake())

  constructor(settings) {
    mkdirSync(settings.folder, { recursive: true, mode: 0o700 })
    this.settings = settings
    this.outbox = new Outbox(join(settings.folder, 'outbox.sqlite'))
    const { anywhere: guard, policy } = settings
    this.poster = new Poster(this.outbox, settings.mcloud, { guard, policy })
    this.asks = new Asks(policy)
  }

  start() {
    const revived = this.outbox.revive()
    if (revived > 0) log('revived', '', { many: revived })
    this.#tasks.push(this.#loop())
    if (this.settings.voipbin) this.#tasks.push(this.#polls(new Poll(this.settings, this.outbox, this.asks, log)))
  }

  /** Ends behind the step that is being worked on. */
  async stop() {
    this.#stopping.abort()
    this.#wake()
    await Promise.all(this.#tasks)
    await this.#workers.stop()
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
    const nowMs = Date.now()
    const endedMs = endedAt == null ? nowMs : typeof endedAt === 'string' ? unixMs(endedAt) : null
    if (endedMs === null || endedMs > nowMs + CLOCKS_MS) return false
    try {
      steps.wellcloudRequest({ endpoint: 'recordings', id: callId, api: this.settings.wellcloud })
    } catch {
      return false
    }
    this.outbox.addCall(provider, callId, Math.min(endedMs, nowMs))
    this.#wake()
    return true
  }

  /** Ends a nap; one that has not begun is left out. */
  #wake() {
    this.#woken = true
    this.#nap?.abort()
  }

  async #loop() {
    while (!this.#stopped) {
      this.#woken = false
      const napMs = await this.#safely(() => this.#round())
      if (this.#woken) continue
      this.#nap = new AbortController()
      await pause(napMs, undefined, { signal: this.#nap.signal }).catch(() => {})
    }
  }

  /** Polls at its own times: nothing but the end wakes it. */
  async #polls(poll) {
    while (!this.#stopped) {
      const napMs = await this.#safely(() => this.#poll(poll))
      await pause(napMs, undefined, { signal: this.#stopping.signal }).catch(() => {})
    }
  }

  /** A round and the nap behind it, whatever happens in it. */
  async #safely(round) {
    try {
      return await round()
    } catch (error) {
      logFailure(error)
      return 1_000
    }
  }

  /**
   * Begins with what is due and has a place; the time until something more is due. What ends wakes
   * it.
   */
  async #round() {
    const atMs = Date.now()
    for (const provider of PROVIDERS) {
      for (const row of this.outbox.dueSessions(atMs, 2 * AT_ONCE, provider)) {
        this.#workers.offer(provider, row.key, () => this.#looked(row))
      }
    }
    for (const row of this.outbox.duePostings(atMs, 2 * AT_ONCE)) {
      this.#workers.offer('mcloud', row.dataId, () => this.#posted(row))
    }
    await this.#sweep()
    const due = this.outbox.nextDue(atMs)
    return due === null ? LONGEST_NAP_MS : Math.min(Math.max(due - Date.now(), 10), LONGEST_NAP_MS)
  }

  /** One request of a posting; what it fails with is stored. */
  async #posted(row) {
    const reason = await this.poster.step(row)
    if (reason !== null) log('posting_failed', row.key, { reason })
  }

  /**
   * Looks at one session. Whatever goes wrong with it is stored with its reason and holds up no
   * other.
   */
  async #looked(row) {
    try {
      await this.#look(row)
      this.asks.forget(row.key)
    } catch (error) {
      if (error instanceof NoList) await this.#later(row, error, error.reason)
      else if (error instanceof Refusal) await this.#refused(row, error)
      else {
        logFailure(error, row.key)
        this.outbox.putFailure(row, Math.ceil(Date.now() + this.asks.waitMs(row.key)), codeOf(error))
      }
    }
  }

  /**
   * A provider refuses. What is the key's fault waits for another key, and fetches its recordings
   * again then.
   */
  async #refused(row, { ofKey, reason }) {
    if (ofKey) this.outbox.putFailure(row, null, reason)
    else this.outbox.putSession(row, null, { status: 'listed', reason })
    await this.#putAway(row.key)
    log('refused', row.key, { reason })
  }

  /** A session waits for nothing more: neither its recordings nor its tries are kept. */
  async #putAway(key) {
    this.asks.forget(key)
    await rm(tracksOf(this.settings, key), { recursive: true, force: true })
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
    return { ...row, state: steps.piecesTake({ pieces: row.state, rows: await this.#rows(row), nowMs }).pieces }
  }

  /** What the provider lists of a call; nothing where it says that there is nothing (yet). */
  async #rows(row) {
    const { wellcloud, voipbin } = this.settings
    if (row.provider === 'wellcloud') {
      const id = row.key.slice('wellcloud:'.length)
      const request = steps.wellcloudRequest({ endpoint: 'recordings', id, api: wellcloud })
      const rowsOf = (body) => steps.wellcloudList({ status: 200, body }).rows
      return (await this.asks.ask('wellcloud', row.key, request, rowsOf, row.seenMs)) ?? []
    }
    const found = []
    for (const { id } of row.state.rows) {
      const request = steps.voipbinRequest({ endpoint: 'recording', id, api: voipbin })
      const record = await this.asks.ask('voipbin', row.key, request, recordOf)
      if (record !== null) found.push(record)
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
      const { body, audio, mix, file, missing } = await made(this.settings, row, look.document)
      const reason = missing.length > 0 ? `incomplete: ${missing.join(',')}` : null
      // At once with the next line: until it is enqueued nobody knows that the mix is needed, and a
      // sweep takes it away.
      renameSync(mix, file)
      const kept = this.outbox.enqueue(row, { state, dueMs: again, body, audio, file, reason })
      log('made', row.key, { kept, missing: missing.length, seconds: (Date.now() - startedMs) / 1000 })
    } catch (error) {
      if (error instanceof Later) return this.#later(row, error, 'recording_unreachable', state, again)
      if (!(error instanceof Unpostable)) throw error
      this.#list(row, again, error.reason, state)
    }
    await this.#putAway(row.key)
  }

  #list(row, again, reason, state) {
    this.outbox.putSession(row, again, { status: 'listed', reason, state })
    log('listed', row.key, { reason })
  }

  /** A list or a recording cannot be had for now: the call waits for it, a day long. */
  async #later(row, { waitMs }, reason, state = row.state, again = null) {
    if (row.failingMs !== null && Date.now() - row.failingMs > this.settings.giveUpMs) {
      this.#list(row, again, reason, state)
      return this.#putAway(row.key)
    }
    this.outbox.putFailure(row, Math.ceil(Date.now() + waitMs), reason)
    log('later', row.key, { reason, waitMs })
  }

  /** One page of VoIPBin's list; the time until the next. */
  async #poll(poll) {
    try {
      const napMs = await poll.page()
      this.#pollRefused = this.#pollFailing = null
      this.asks.forget('voipbin:poll')
      this.#wake()
      return napMs
    } catch (error) {
      return this.#pollFailed(error)
    }
  }

  /** Keeps for `health` why a page cannot be had; the time until the next try. */
  #pollFailed(error) {
    this.#pollRefused = error instanceof Refusal ? error.reason : null
    if (error instanceof Refusal) {
      this.#pollFailing = null
      log('refused', '', { reason: error.reason })
      return REFUSED_NAP_MS
    }
    const reason = error instanceof NoList ? error.reason : codeOf(error)
    if (error instanceof NoList && this.#pollFailing !== reason) log('poll_failing', '', { reason })
    this.#pollFailing = reason
    if (error instanceof NoList) return error.waitMs
    logFailure(error)
    return this.asks.waitMs('voipbin:poll')
  }

  /** Takes away mixes that are uploaded or given up for long, and what a kill left. */
  async #sweep() {
    if (Date.now() - this.#sweptMs < STALE_FILE_MS) return
    this.#sweptMs = Date.now()
    const open = new Set(
      [...this.outbox.unfinished(), ...this.#workers.busy()].map((key) => tracksOf(this.settings, key)),
    )
    for (const folder of await found(this.settings.folder, 'tracks')) {
      if (!open.has(folder)) await rm(folder, { recursive: true, force: true })
    }
    const ages = []
    for (const file of await found(this.settings.folder, 'mixes')) {
      ages.push([file, Date.now() - (await stat(file)).mtimeMs])
    }
    // What is needed is asked for last, and no other work comes between.
    const needed = this.outbox.files()
    const givenUp = this.outbox.givenUpFiles()
    for (const [file, ageMs] of ages) {
      const kept = needed.has(file) && !(givenUp.has(file) && ageMs > this.settings.giveUpMs)
      if (!kept && ageMs > STALE_FILE_MS) rmSync(file, { force: true })
    }
  }

  /**
   * How much is how far, whose key is refused and whose list cannot be polled, without anybody's
   * data.
   */
  health() {
    const due = this.outbox.nextDue()
    const behindMs = due === null ? 0 : Math.max(0, Date.now() - due)
    const refused = { ...this.outbox.refused(), ...(this.#pollRefused && { voipbin: this.#pollRefused }) }
    const polling = this.#pollFailing ? { voipbin: this.#pollFailing } : {}
    return { ok: !this.#stopped, behindMs, refused, polling, ...this.outbox.counts() }
  }
}

function recordOf(body) {
  const record = JSON.parse(body)
  if (record === null || typeof record !== 'object' || Array.isArray(record)) throw new TypeError('no record')
  return record
}

/** What is in a folder; nothing where it is not there. */
async function found(...path) {
  const folder = join(...path)
  return (await readdir(folder).catch(() => [])).map((name) => join(folder, name))
}

function main() {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8080' }, host: { type: 'string', default: '127.0.0.1' } },
  })
  let settings
  try {
    settings = settingsOf(process.env)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
  const service = new Service(settings)
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
