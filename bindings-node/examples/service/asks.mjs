// Asks providers: within a rate, and later where one cannot answer now.
import { createHash } from 'node:crypto'
import { Later, send, steps } from 'callweave/client'

/** What is asked for cannot be had for now: `reason` is a stable code. */
export class NoList extends Later {
  name = 'NoList'
  constructor(waitMs, reason, cause) {
    super(waitMs)
    Object.assign(this, { reason, cause })
  }
}

/**
 * A provider refuses: `reason` is a stable code. It is the key's fault where another key ends it.
 */
export class Refusal extends Error {
  name = 'Refusal'
  constructor(reason) {
    super(reason)
    this.reason = reason
    this.ofKey = steps.needsAnotherKey(reason)
  }
}

/**
 * Requests to providers, one try each. `key` names the work whose tries are counted, until it is
 * forgotten.
 */
export class Asks {
  #policy
  #pacing = new Map()
  #retries = new Map()

  constructor(policy) {
    this.#policy = policy
  }

  /**
   * What `read` makes of the answer's body; null where there is nothing, or nothing yet. Rejects
   * with `NoList` where the same request can succeed later, or its answer makes no sense, and with
   * `Refusal`.
   */
  async ask(of, key, request, read, sinceMs) {
    const paced = steps.pace({ pacing: this.#pacing.get(of), nowMs: Date.now() })
    if (paced.waitMs > 0) throw new NoList(paced.waitMs, 'list_unreachable')
    this.#pacing.set(of, paced.pacing)
    const answer = await send(request)
    const judged = steps.judge({ of, answer, nowMs: Date.now(), sinceMs })
    if (judged.judgement === 'done') return this.#read(key, answer.body, read)
    if (judged.judgement === 'early' || judged.judgement === 'gone') return null
    if (judged.judgement === 'refused') throw new Refusal(judged.reason)
    const waitMs = this.waitMs(key, judged)
    // What a provider says of its load holds for all that is asked of it.
    const holdMs = answer.status === 429 ? waitMs : judged.waitMs
    if (holdMs !== null) {
      this.#pacing.set(of, steps.pace({ pacing: this.#pacing.get(of), nowMs: Date.now(), holdMs }).pacing)
    }
    throw new NoList(waitMs, 'list_unreachable')
  }

  #read(key, body, read) {
    try {
      return read(body)
    } catch (error) {
      throw new NoList(this.waitMs(key), 'list_unreadable', error)
    }
  }

  /** Counts a try that failed: how long to wait for the next. */
  waitMs(key, judgement = { judgement: 'again', waitMs: null }) {
    const retries = this.#retries.get(key) ?? { seed: createHash('sha256').update(key).digest().readUInt32BE(0) }
    const step = steps.nextTry({ retries, judgement, nowMs: Date.now(), policy: this.#policy })
    this.#retries.set(key, step.retries)
    return step.next.waitMs
  }

  /** The work succeeded, or is over: the next failure is its first. */
  forget(key) {
    this.#retries.delete(key)
  }
}
