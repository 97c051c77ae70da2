'use strict'

// Where pushes, sessions and postings are kept: an SQLite file that a crash at any moment leaves
// whole. What a method has returned from is on disk. A push is acknowledged behind `push`, and
// never before.

const steps = require('./steps.cjs')

const SCHEMA = `
CREATE TABLE IF NOT EXISTS session (
  key TEXT PRIMARY KEY, provider TEXT NOT NULL, state TEXT NOT NULL, due_ms INTEGER, status TEXT NOT NULL,
  reason TEXT, seen_ms INTEGER NOT NULL, version INTEGER NOT NULL, failure TEXT, failing_ms INTEGER);
CREATE INDEX IF NOT EXISTS session_due ON session (due_ms);
CREATE TABLE IF NOT EXISTS stray (
  id INTEGER PRIMARY KEY, provider TEXT NOT NULL, action TEXT, uuid TEXT, body TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS posting (
  data_id TEXT PRIMARY KEY, key TEXT NOT NULL, state TEXT NOT NULL, file TEXT, due_ms INTEGER, status TEXT NOT NULL,
  reason TEXT, recording_id TEXT, warnings TEXT NOT NULL, version INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS posting_due ON posting (due_ms);
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL);
`

/** The status of a session that was handled or listed, and of which something came since. */
const MORE = "CASE WHEN status = 'waiting' OR status LIKE '%+' THEN status ELSE status || '+' END"
const HOW = "CASE WHEN status LIKE '%+' THEN 'waiting' ELSE status END"

/** Columns of a session that outboxes of before lack. */
const LATER = { failure: 'TEXT', failing_ms: 'INTEGER' }

/** SQLite as Node has it from 22.13 on, or else `better-sqlite3`, which is then to be installed. */
function opened(path) {
  let Database
  try {
    Database = require('node:sqlite').DatabaseSync
  } catch {
    try {
      Database = require('better-sqlite3')
    } catch {
      throw new Error('the outbox needs Node 22.13 or newer, or the package better-sqlite3@12')
    }
  }
  return new Database(path)
}

class Outbox {
  #db
  #statements = new Map()

  /** The database at `path`, for one process at a time. */
  constructor(path) {
    this.#db = opened(path)
    for (const line of [
      'locking_mode = EXCLUSIVE',
      'journal_mode = WAL',
      'synchronous = FULL',
      'busy_timeout = 10000',
    ]) {
      this.#db.exec(`PRAGMA ${line}`)
    }
    this.#db.exec(SCHEMA)
    const known = this.#all('PRAGMA table_info(session)').map(({ name }) => name)
    for (const [name, type] of Object.entries(LATER)) {
      if (!known.includes(name)) this.#db.exec(`ALTER TABLE session ADD COLUMN ${name} ${type}`)
    }
  }

  close() {
    this.#db.close()
  }

  #statement(text) {
    if (!this.#statements.has(text)) this.#statements.set(text, this.#db.prepare(text))
    return this.#statements.get(text)
  }

  #all(text, ...values) {
    return this.#statement(text).all(...values)
  }

  #run(text, ...values) {
    return Number(this.#statement(text).run(...values).changes)
  }

  /** One transaction: all of it is on disk behind it, or none. */
  #write(change) {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const result = change()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      try {
        this.#db.exec('ROLLBACK')
      } catch {
        // SQLite itself takes a transaction back where the disk is full.
      }
      throw error
    }
  }

  /** Keeps a push of Tencent's: `new`, `repeat` or `kept`. What names no session is kept aside. */
  push(action, uuid, body, atMs = Date.now()) {
    const first = steps.sessionTake({ session: null, action, uuid, body, nowMs: atMs })
    return this.#write(() => {
      if (first.sessionId === null) {
        const stray = 'INSERT INTO stray (provider, action, uuid, body, at_ms) VALUES (?, ?, ?, ?, ?)'
        this.#run(stray, 'tencent', action, uuid ?? null, body, atMs)
        return 'kept'
      }
      const key = `tencent:${first.sessionId}`
      const [row] = this.#all('SELECT state FROM session WHERE key = ?', key)
      if (!row) {
        this.#insert(key, 'tencent', first.session, atMs, atMs)
        return first.taken
      }
      const taken = steps.sessionTake({ session: JSON.parse(row.state), action, uuid, body, nowMs: atMs })
      this.#run(
        taken.taken === 'new'
          ? `UPDATE session SET state = ?, due_ms = ?, status = ${MORE}, failing_ms = NULL, version = version + 1 WHERE key = ?`
          : 'UPDATE session SET state = ?, due_ms = coalesce(due_ms, ?), version = version + 1 WHERE key = ?',
        JSON.stringify(taken.session),
        taken.taken === 'new' ? atMs : null,
        key,
      )
      return taken.taken
    })
  }

  #insert(key, provider, state, dueMs, seenMs) {
    return this.#run(
      "INSERT OR IGNORE INTO session (key, provider, state, due_ms, status, seen_ms, version) VALUES (?, ?, ?, ?, 'waiting', ?, 0)",
      key,
      provider,
      JSON.stringify(state),
      dueMs,
      seenMs,
    )
  }

  /** Keeps a call whose recordings are to be asked for; whether it is new. */
  addCall(provider, callId, endedMs) {
    const pieces = steps.piecesNew({ kind: provider, callId, endedMs })
    return this.#write(() => this.#insert(`${provider}:${callId}`, provider, pieces, endedMs, Date.now()) === 1)
  }

  /** Gives a call what a list says of it; a call that is not known yet becomes one. */
  takeRows(provider, callId, rows, atMs = Date.now()) {
    const key = `${provider}:${callId}`
    this.#write(() => {
      const [row] = this.#all('SELECT state FROM session WHERE key = ?', key)
      const before = row ? JSON.parse(row.state) : steps.piecesNew({ kind: provider, callId, endedMs: atMs })
      const { pieces, changed } = steps.piecesTake({ pieces: before, rows, nowMs: atMs })
      if (!row) return this.#insert(key, provider, pieces, atMs, atMs)
      if (!changed) return 0
      const text = `UPDATE session SET state = ?, due_ms = ?, status = ${MORE}, failing_ms = NULL, version = version + 1 WHERE key = ?`
      return this.#run(text, JSON.stringify(pieces), atMs, key)
    })
  }

  /** Sessions to be looked at; of one provider, or of all. */
  dueSessions(atMs, limit = 32, provider = null) {
    const text =
      'SELECT key, provider, state, seen_ms, version, failing_ms FROM session' +
      ' WHERE due_ms <= ? AND provider = coalesce(?, provider) ORDER BY due_ms LIMIT ?'
    return this.#all(text, atMs, provider, limit).map(({ seen_ms: seenMs, failing_ms: failingMs, state, ...row }) => ({
      ...row,
      state: JSON.parse(state),
      seenMs,
      failingMs,
    }))
  }

  /**
   * Notes when to look at a session next, and with a status how it stands (`settled`: as before);
   * nothing where a push came meanwhile.
   */
  putSession(row, dueMs, { status = null, reason = null, state = row.state } = {}) {
    return this.#write(() => this.#putSession(row, dueMs, status, reason, state))
  }

  #putSession(row, dueMs, status, reason, state) {
    const text =
      "UPDATE session SET due_ms = ?, reason = CASE WHEN coalesce(?, 'settled') = 'settled' THEN reason ELSE ? END," +
      " status = CASE WHEN ? = 'settled' THEN rtrim(status, '+') ELSE coalesce(?, status) END," +
      ' state = ?, failure = NULL, failing_ms = NULL, version = version + 1 WHERE key = ? AND version = ?'
    return this.#run(text, dueMs, status, reason, status, status, JSON.stringify(state), row.key, row.version) === 1
  }

  /**
   * Notes why the look at a session failed, and when it is looked at again; without a time, when
   * there is another key (`revive`). How the session stands is as before. The next look that
   * succeeds takes the note away.
   */
  putFailure(row, dueMs, reason) {
    const text =
      'UPDATE session SET due_ms = ?, failure = ?, failing_ms = coalesce(failing_ms, ?), state = ?,' +
      ' version = version + 1 WHERE key = ? AND version = ?'
    const values = [dueMs, reason, Date.now(), JSON.stringify(row.state), row.key, row.version]
    return this.#write(() => this.#run(text, ...values) === 1)
  }

  /**
   * A processed call goes on its way, and its session is handled: both or, where a push came
   * meanwhile, neither. `reason`: what is missing of it.
   */
  enqueue(row, { state, dueMs, body, audio, file, reason = null }) {
    return this.#write(() => {
      if (!this.#putSession(row, dueMs, 'handled', reason, state)) return false
      const [known] = this.#all('SELECT state FROM posting WHERE data_id = ?', body.dataId)
      const posting = steps.posting({ posting: known ? JSON.parse(known.state) : null, body, audio })
      this.#run(
        'INSERT INTO posting (data_id, key, state, file, due_ms, status, warnings, version)' +
          " VALUES (?, ?, ?, ?, ?, 'waiting', '[]', 0) ON CONFLICT (data_id) DO UPDATE SET state = excluded.state," +
          " file = excluded.file, due_ms = excluded.due_ms, status = 'waiting', reason = NULL, version = version + 1",
        body.dataId,
        row.key,
        JSON.stringify(posting),
        file,
        Date.now(),
      )
      return true
    })
  }

  /** Recordings of which a request may go. */
  duePostings(atMs, limit = 32) {
    const text = 'SELECT data_id, key, state, file, version FROM posting WHERE due_ms <= ? ORDER BY due_ms LIMIT ?'
    return this.#all(text, atMs, limit).map(({ data_id: dataId, state, ...row }) => ({
      ...row,
      dataId,
      state: JSON.parse(state),
    }))
  }

  /**
   * Stores a step of a posting; null where the call was made anew meanwhile. `answered`: what
   * `steps.postingAnswered` gave, for its `recordingId` and `warnings`; without it these stay as
   * they are.
   */
  putPosting(row, state, dueMs, { status = 'waiting', reason = null, answered = null } = {}) {
    const known = answered ? [answered.recordingId, JSON.stringify(answered.warnings)] : []
    const text =
      `UPDATE posting SET state = ?, due_ms = ?, status = ?, reason = ?${answered ? ', recording_id = ?, warnings = ?' : ''},` +
      ' version = version + 1 WHERE data_id = ? AND version = ?'
    const values = [JSON.stringify(state), dueMs, status, reason, ...known, row.dataId, row.version]
    return this.#write(() => (this.#run(text, ...values) === 1 ? { ...row, state, version: row.version + 1 } : null))
  }

  /**
   * Takes up what was refused for the key's sake, once there is another key; how many there were.
   * Call it at a start: of what fails, the time since it was due does not count, as nobody looked
   * at it.
   */
  revive() {
    const failed = this.#all("SELECT data_id, state, reason FROM posting WHERE status = 'failed'")
    const postings = failed.filter(({ reason }) => steps.needsAnotherKey(reason))
    const sessions = this.#refusedSessions()
    const nowMs = Date.now()
    this.#write(() => {
      this.#run(
        'UPDATE session SET failing_ms = failing_ms + ? - due_ms, due_ms = ? WHERE failing_ms IS NOT NULL AND due_ms < ?',
        nowMs,
        nowMs,
        nowMs,
      )
      for (const { data_id: dataId, state } of postings) {
        const before = JSON.parse(state)
        const again = steps.posting({ posting: before, body: before.body, audio: before.audio })
        this.#run(
          "UPDATE posting SET state = ?, due_ms = 0, status = 'waiting', reason = NULL, version = version + 1 WHERE data_id = ?",
          JSON.stringify(again),
          dataId,
        )
      }
      const text =
        'UPDATE session SET due_ms = 0, failure = NULL, failing_ms = NULL, version = version + 1 WHERE key = ?'
      for (const { key } of sessions) this.#run(text, key)
    })
    return postings.length + sessions.length
  }

  #refusedSessions() {
    const rows = this.#all('SELECT key, provider, failure FROM session WHERE failure IS NOT NULL')
    return rows.filter(({ failure }) => steps.needsAnotherKey(failure))
  }

  /** Whose key is refused, and how: a provider's, or `mcloud`. */
  refused() {
    const refused = Object.fromEntries(this.#refusedSessions().map(({ provider, failure }) => [provider, failure]))
    const failed = this.#all("SELECT DISTINCT reason FROM posting WHERE status = 'failed' ORDER BY reason")
    const key = failed.find(({ reason }) => steps.needsAnotherKey(reason))
    return key ? { ...refused, mcloud: key.reason } : refused
  }

  /**
   * When something is to be done next, Unix milliseconds; of what is due later than `afterMs`, if
   * it is given.
   */
  nextDue(afterMs = null) {
    const text =
      'SELECT min(due_ms) AS at FROM (SELECT due_ms FROM session UNION ALL SELECT due_ms FROM posting)' +
      ' WHERE due_ms > coalesce(?, due_ms - 1)'
    return this.#all(text, afterMs)[0].at
  }

  /**
   * The files that postings still need: those of postings that failed are sent once these are taken
   * up again.
   */
  files() {
    const rows = this.#all("SELECT file FROM posting WHERE status != 'done' AND file IS NOT NULL")
    return new Set(rows.map(({ file }) => file))
  }

  /**
   * Those of `files` whose postings were refused for good: only the same call, made anew, takes
   * them up again.
   */
  givenUpFiles() {
    const text = "SELECT file, reason FROM posting WHERE status = 'failed' AND due_ms IS NULL AND file IS NOT NULL"
    const rows = this.#all(text).filter(({ reason }) => !steps.needsAnotherKey(reason))
    return new Set(rows.map(({ file }) => file))
  }

  /** The keys of the sessions that wait or fail. */
  unfinished() {
    const rows = this.#all(`SELECT key FROM session WHERE ${HOW} = 'waiting' OR failure IS NOT NULL`)
    return new Set(rows.map(({ key }) => key))
  }

  /** A note of a poller's, such as where it looked last; with a value, that is kept. */
  note(name, value) {
    if (value !== undefined) {
      this.#write(() => this.#run('INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)', name, value))
    }
    return this.#all('SELECT value FROM note WHERE name = ?', name)[0]?.value ?? null
  }

  /**
   * How many sessions and postings are how far, how many looks fail and why, and how many stray
   * pushes there are.
   */
  counts() {
    const of = (table) => {
      const rows = this.#all(`SELECT ${HOW} AS status, count(*) AS many FROM ${table} GROUP BY 1`)
      return Object.fromEntries(rows.map(({ status, many }) => [status, many]))
    }
    const failing = this.#all(
      'SELECT failure, count(*) AS many FROM session WHERE failure IS NOT NULL GROUP BY failure',
    )
    return {
      sessions: of('session'),
      postings: of('posting'),
      failing: Object.fromEntries(failing.map(({ failure, many }) => [failure, many])),
      stray: this.#all('SELECT count(*) AS many FROM stray')[0].many,
    }
  }

  /** Every call that is not at MCloud, or not as it should be, with its reason. */
  listed() {
    const sessions = this.#all(
      "SELECT key, rtrim(status, '+') AS status, reason FROM session WHERE reason IS NOT NULL ORDER BY key",
    )
    const failing = this.#all(
      "SELECT key, 'failing' AS status, failure AS reason FROM session WHERE failure IS NOT NULL ORDER BY key",
    )
    const text =
      "SELECT key, status, reason, warnings FROM posting WHERE reason IS NOT NULL OR warnings != '[]' ORDER BY key"
    const postings = this.#all(text).map(({ key, status, reason, warnings }) => ({
      key,
      status,
      reason: reason ?? JSON.parse(warnings).join(','),
    }))
    return [...[...sessions, ...failing].map((row) => ({ ...row })), ...postings]
  }
}

module.exports = { Outbox }
