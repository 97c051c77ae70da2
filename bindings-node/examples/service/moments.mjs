// Moments as they are written in settings and requests.
export const MOMENT = 'a moment such as 2026-05-20T00:00:00+07:00'

const WRITTEN = /^(\d{4})-(\d\d)-(\d\d)T(?:[01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/** A moment with its offset in Unix milliseconds; null where it is none. */
export function unixMs(text) {
  const [, year, month, day] = WRITTEN.exec(text) ?? []
  const ms = year ? Date.parse(text) : Number.NaN
  // A day that the month does not have is taken for one of the next.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  return Number.isNaN(ms) || Number(day) > days ? null : ms
}
