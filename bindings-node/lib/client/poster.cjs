'use strict'

// Brings what an outbox holds to MCloud, request by request, within the rate.

const steps = require('./steps.cjs')
const { Guard } = require('./guard.cjs')
const { send } = require('./send.cjs')

class Poster {
  #pacing = undefined

  /** `api`: `token`, `base`, `business`; `guard`: of the addresses to upload to, which come in answers. */
  constructor(outbox, api, { guard = new Guard(), policy } = {}) {
    Object.assign(this, { outbox, api, guard, policy })
  }

  /** Sends the next request of a posting. It is stored before the request goes and behind its answer. */
  async step(row) {
    const asked = steps.postingRequest({ posting: row.state, api: this.api })
    if (asked.request === null) {
      this.outbox.putPosting(row, asked.posting, null, { status: 'done' })
      return
    }
    const file = asked.uploads ? row.file : undefined
    const nowMs = Date.now()
    // The rate is the API's; the storage behind it has none. A place that is not free yet is not taken.
    const paced = file ? { waitMs: 0, pacing: this.#pacing } : steps.pace({ pacing: this.#pacing, nowMs })
    if (paced.waitMs > 0) {
      this.outbox.putPosting(row, row.state, nowMs + paced.waitMs)
      return
    }
    this.#pacing = paced.pacing
    const stored = this.outbox.putPosting(row, asked.posting, nowMs)
    if (stored) this.#answered(stored, await send(asked.request, file ? { file, guard: this.guard } : {}))
  }

  #answered(row, answer) {
    const nowMs = Date.now()
    const { next, posting, recordingId, warnings } = steps.postingAnswered({
      posting: row.state,
      answer,
      nowMs,
      policy: this.policy,
    })
    if (answer.status === 429 && next.waitMs !== undefined) {
      this.#pacing = steps.pace({ pacing: this.#pacing, nowMs, holdMs: next.waitMs }).pacing
    }
    if (next.next === 'done') this.outbox.putPosting(row, posting, null, { status: 'done', recordingId, warnings })
    else if (next.next === 'stop') {
      this.outbox.putPosting(row, posting, null, { status: 'failed', reason: next.reason, recordingId, warnings })
    } else this.outbox.putPosting(row, posting, Math.ceil(nowMs + next.waitMs), { recordingId, warnings })
  }
}

module.exports = { Poster }
