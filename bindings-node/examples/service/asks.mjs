// Asks providers: within a rate, and later where one cannot answer now.
import { createHash } from 'node:crypto'
import { Later, send, steps } from 'callweave/client'

/** A provider refuses: `reason` is a stable code. It is the key's fault where another key ends it. */
export class Refusal extends Error {
  name = 'Refusal'
  constructor(reason) {
    super(reason)
    this.reason = reason
    this.ofKey = steps.needsAnotherKey(reason)
  }
}

/** Requests to providers, one try each. `key` names the work whose tries are counted. */
export class Asks {
  #policy
  #pacing = new Map()
  #retries = new Map()

  constructor(policy) {
    this.#policy = policy
  }

  /**
   * What the answer means (`done`, `early`, `gone`) and its body. Rejects with `Later` where the same request can succeed
   * later, and with `Refusal`.
   */
  async ask(of, key, request, sinceMs) {
    const paced = steps.pace({ pacing: this.#pacing.get(of), nowMs: Date.now() })
    if (paced.waitMs > 0) throw new Later(paced.waitMs)
    this.#pacing.set(of, paced.pacing)
    const answer = await send(request)
    const judged = steps.judge({ of, answer, nowMs: Date.now(), sinceMs })
    if (judged.judgement !== 'again') this.forget(key)
    if (['done', 'early', 'gone'].includes(judged.judgement)) return { meaning: judged.judgement, body: answer.body }
    if (judged.judgement === 'refused') throw new Refusal(judged.reason)
    const waitMs = this.waitMs(key, judged)
    if (answer.status === 429) {
      const held = steps.pace({ pacing: this.#pacing.get(of), nowMs: Date.now(), holdMs: waitMs })
      this.#pacing.set(of, held.pacing)
    }
    throw new Later(waitMs)
  }

  /** Counts a try that failed: how long to wait for the next. */
  waitMs(key, judgement = { judgement: 'again', waitMs: null }) {
    const retries = this.#retries.get(key) ?? { seed: createHash('sha256').update(key).digest().readUInt32BE(0) }
    const step = steps.nextTry({ retries, judgement, nowMs: Date.now(), policy: this.#policy })
    this.#retries.set(key, step.retries)
    return step.next.waitMs
  }

  /** The work succeeded: the next failure is its first. */
  forget(key) {
    this.#retries.delete(key)
  }
}
