// Moments as they are written in settings and requests.
export const MOMENT = 'a moment such as 2026-05-20T00:00:00+07:00'

const WRITTEN = /^(?!0000)(\d{4})-(\d\d)-(\d\d)T(?:[01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:[0-5]\d)$/

/** A moment with its offset in whole Unix milliseconds, cut towards 0; null where it is none. */
export function unixMs(text) {
  const [, year, month, day, fraction = ''] = WRITTEN.exec(text) ?? []
  const ms = year ? Date.parse(text) : Number.NaN
  // A day that the month does not have is taken for one of the next.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  if (Number.isNaN(ms) || Number(day) > days) return null
  // Without its microseconds a time before 1970 is an earlier one.
  return ms < 0 && /[1-9]/.test(fraction.slice(4, 7)) ? ms + 1 : ms
}
