// Walks through VoIPBin's list of recordings, page by page, newest first.
import { steps } from 'callweave/client'
import { NoList } from './asks.mjs'

/** So far behind what was seen a walk goes on: a record may be listed later than its time says. */
const OVERLAP_MS = 600_000
const PAGE = 100
const LARGEST_PAGE = 1600
const LIST = 'voipbin:list'
const NOBODY = '00000000-0000-0000-0000-000000000000'

/**
 * A walk is kept in the outbox behind each page: `since` (nothing older is taken), `seen` (up to
 * where a whole walk has come), `token` and `size` (the page that is next), `newest` (of this
 * walk). Times in Unix milliseconds.
 */
export class Poll {
  constructor(settings, outbox, asks, log) {
    Object.assign(this, { settings, outbox, asks, log })
    this.walk = this.#begun()
  }

  /**
   * The walk as it was left. The first one begins at `VOIPBIN_SINCE` or else now; another value
   * begins anew.
   */
  #begun() {
    const start = this.settings.voipbinSinceMs
    const walk = JSON.parse(this.outbox.note('voipbin_walk') ?? 'null')
    if (walk && (start === undefined || start === walk.since)) return walk
    const since = start ?? Date.now()
    return this.#kept({ since, seen: since, token: null, size: PAGE, newest: since })
  }

  #kept(walk) {
    this.outbox.note('voipbin_walk', JSON.stringify(walk))
    this.walk = walk
    return walk
  }

  /** Takes one page; the time until the next. Rejects with `NoList` and `Refusal`. */
  async page() {
    const { walk } = this
    const { voipbin: api, pollMs } = this.settings
    const asked = { endpoint: 'recordings', api, pageSize: walk.size, ...(walk.token && { pageToken: walk.token }) }
    const page = await this.asks.ask('voipbin', LIST, steps.voipbinRequest(asked), (body) =>
      steps.voipbinPage({ body }),
    )
    if (page === null) throw new NoList(this.asks.waitMs(LIST), 'list_unreachable')
    for (const [n, record] of page.records.entries()) {
      const createdMs = page.createdMs[n]
      if (createdMs === null || createdMs >= walk.since) this.#take(record)
    }
    this.asks.forget(LIST)
    const times = page.createdMs.filter((at) => at !== null)
    // A record of a time to come, by a wrong clock, must not end the walks to come at their first
    // page.
    const newest = Math.max(walk.newest, ...times.map((at) => Math.min(at, Date.now())))
    const oldest = times.length > 0 ? Math.min(...times) : walk.since
    if (page.nextPageToken === null || oldest < Math.max(walk.since, walk.seen - OVERLAP_MS)) {
      this.#kept({ ...walk, seen: Math.max(walk.seen, newest), token: null, size: PAGE, newest: walk.since })
      return pollMs
    }
    this.#kept({ ...walk, ...this.#following(page), newest })
    return 0
  }

  /**
   * The next page begins with the time at which this one ends. A full one that is all of one time
   * is asked for in larger pages.
   */
  #following({ overlappingToken: token, nextPageToken, records: { length: many } }) {
    const { size } = this.walk
    if (token !== this.walk.token) return { token, size: PAGE }
    if (many >= size && many < LARGEST_PAGE) return { token, size: size * 2 }
    if (many >= PAGE) this.log('voipbin_page_of_one_time', '', { many })
    return { token: nextPageToken, size: PAGE }
  }

  #take(record) {
    const { reference_id: reference, id } = record
    const call = reference && reference !== NOBODY ? reference : id
    if (typeof call !== 'string' || !call.trim()) return this.log('voipbin_record_without_id')
    this.outbox.takeRows('voipbin', call, [record])
  }
}
