// What of `callweave/client` must compile, and, marked as such, what must not. Never run.
import { Gone, Guard, Later, type Outbox, Poster, download, send, steps } from 'callweave/client'
import type { HttpRequest, Standing } from 'callweave/client'

export async function work(outbox: Outbox): Promise<void> {
  const guard = new Guard({ allowedHosts: ['.myqcloud.com'] })
  try {
    const path: string = await download('https://host/a.mp3', 'a.mp3', { guard, sinceMs: Date.now() })
    console.log(path)
  } catch (error) {
    if (error instanceof Later) console.log(error.waitMs)
    if (error instanceof Gone) console.log(error.reason)
  }
  const request: HttpRequest = steps.mcloudRequest({ endpoint: 'whoami', api: { token: 'crk_1' } })
  const { status } = await send(request)
  const none: null | number = status
  const poster = new Poster(outbox, { token: 'crk_1' }, { guard })
  for (const row of outbox.duePostings(Date.now())) await poster.step(row)
  for (const row of outbox.dueSessions(Date.now())) {
    const { standing }: { standing: Standing } = steps.sessionStanding({ session: row.state, nowMs: Date.now() })
    if (standing.standing === 'waiting') outbox.putSession(row, standing.untilMs)
  }
  console.log(none)
  // @ts-expect-error: no such endpoint
  steps.mcloudRequest({ endpoint: 'whois' })
  // @ts-expect-error: no such option
  new Guard({ hosts: [] })
}
