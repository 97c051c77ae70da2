'use strict'

// Brings what an outbox holds to MCloud, request by request, within the rate.

const { CallweaveError } = require('../errors.cjs')
const steps = require('./steps.cjs')
const { Guard, Refused } = require('./guard.cjs')
const { FAILED, send } = require('./send.cjs')

/** Why a step failed, by a stable code without a word of what it was about. */
function codeOf(error) {
  if (error instanceof Refused) return 'address_refused'
  if (error instanceof CallweaveError) return `posting_${error.code}`
  return error.syscall ? 'mix_unreadable' : `posting_${error.name}`
}

class Poster {
  #pacing = undefined

  /**
   * `api`: `token`, `base`, `business`; `guard`: of the addresses to upload to, which come in
   * answers.
   */
  constructor(outbox, api, { guard = new Guard(), policy } = {}) {
    Object.assign(this, { outbox, api, guard, policy })
  }

  /**
   * Sends the next request of a posting. It is stored before the request goes and behind its
   * answer; a step that fails is stored as `failed` with its reason and with the time of its next
   * try. Resolves to that reason, or null.
   */
  async step(row) {
    let stored = row
    try {
      const asked = this.#asked(row)
      if (!asked) return null
      stored = asked.stored
      const { request, file } = asked
      const answer = await send(request, file ? { file, guard: this.guard } : {})
      return this.#answered(stored, answer, file === undefined)
    } catch (error) {
      return this.#failed(stored, error)
    }
  }

  /** The next request, stored, and the file that it uploads; nothing where it may not go yet. */
  #asked(row) {
    const asked = steps.postingRequest({ posting: row.state, api: this.api })
    if (asked.request === null) {
      this.outbox.putPosting(row, asked.posting, null, { status: 'done' })
      return null
    }
    const file = asked.uploads ? row.file : undefined
    const nowMs = Date.now()
    // The rate is the API's; the storage behind it has none. A place that is not free yet is not
    // taken.
    const paced = file ? { waitMs: 0, pacing: this.#pacing } : steps.pace({ pacing: this.#pacing, nowMs })
    if (paced.waitMs > 0) {
      this.outbox.putPosting(row, row.state, nowMs + paced.waitMs)
      return null
    }
    this.#pacing = paced.pacing
    const stored = this.outbox.putPosting(row, asked.posting, nowMs)
    return stored && { stored, request: asked.request, file }
  }

  #answered(row, answer, ofApi) {
    const nowMs = Date.now()
    const answered = this.#next(row, answer, nowMs)
    const { next, posting } = answered
    if (ofApi) this.#hold(answer, next, nowMs)
    if (next.next === 'done') this.outbox.putPosting(row, posting, null, { status: 'done', answered })
    else if (next.next === 'stop') {
      this.outbox.putPosting(row, posting, null, { status: 'failed', reason: next.reason, answered })
    } else this.outbox.putPosting(row, posting, Math.ceil(nowMs + next.waitMs), { answered })
    return next.reason ?? null
  }

  /**
   * What the API says of its load holds for all postings. The storage behind it is another server.
   */
  #hold(answer, next, nowMs) {
    const { waitMs } = steps.judge({ of: 'mcloud', answer, nowMs })
    const holdMs = waitMs ?? (answer.status === 429 ? next.waitMs : undefined)
    if (holdMs !== undefined) this.#pacing = steps.pace({ pacing: this.#pacing, nowMs, holdMs }).pacing
  }

  #next(row, answer, nowMs) {
    return steps.postingAnswered({ posting: row.state, answer, nowMs, policy: this.policy })
  }

  /**
   * Stores that a step failed here, and not at a server: it is tried again as slowly as one that
   * failed there.
   */
  #failed(row, error) {
    const nowMs = Date.now()
    const how = { status: 'failed', reason: codeOf(error) }
    let answered
    try {
      answered = this.#next(row, FAILED, nowMs)
    } catch {
      this.outbox.putPosting(row, row.state, null, how)
      return how.reason
    }
    const { next, posting } = answered
    const dueMs = next.waitMs === undefined ? null : Math.ceil(nowMs + next.waitMs)
    this.outbox.putPosting(row, posting, dueMs, { ...how, answered })
    return how.reason
  }
}

module.exports = { Poster }
