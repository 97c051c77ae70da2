// Work on sessions and postings, each for itself.
import { setTimeout as pause } from 'node:timers/promises'

export const AT_ONCE = 4

/**
 * A few pieces of work at once in each lane: what waits for a slow server holds up nothing of
 * another lane, and of its own three others at most. No key is worked on twice at once.
 */
export class Workers {
  #busy = new Map()
  #failed
  #done
  #stopped = false

  constructor(failed, done) {
    this.#failed = failed
    this.#done = done
  }

  /** Begins with a piece of work, if its lane has a place for it; whether it does. */
  offer(lane, key, work) {
    const busy = this.#busy.get(lane) ?? new Map()
    this.#busy.set(lane, busy)
    if (this.#stopped || busy.has(key) || busy.size >= AT_ONCE) return false
    busy.set(key, this.#run(busy, key, work))
    return true
  }

  async #run(busy, key, work) {
    // Behind the caller's step, so that the place is taken before it can be free again.
    await null
    try {
      await work()
    } catch (error) {
      // Not even its failure could be stored: the place stays taken for a second, or it would be
      // tried at once.
      this.#failed(error)
      if (!this.#stopped) await pause(1_000)
    }
    busy.delete(key)
    this.#done()
  }

  /** What is worked on. */
  busy() {
    return [...this.#busy.values()].flatMap((busy) => [...busy.keys()])
  }

  /** Ends behind what is being worked on. */
  async stop() {
    this.#stopped = true
    await Promise.all([...this.#busy.values()].flatMap((busy) => [...busy.values()]))
  }
}
