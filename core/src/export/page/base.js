// The page's data, and small helpers. Texts reach the page as text only, never as markup.

const data = JSON.parse(document.getElementById('data').textContent)
const report = data.report
const total = Math.max(1, report.call.durationMs)
const byId = (id) => document.getElementById(id)

/** An element with properties and children; strings become text. */
function el(name, properties = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value
    else made.setAttribute(key, value)
  }
  made.append(...children.filter((child) => child !== null && child !== undefined))
  return made
}

/** An element of an SVG picture. */
function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** A time on the call as 1:02.3 or 1:00:02.3. */
function clock(ms, decimals = 1) {
  const unit = 10 ** decimals
  const units = Math.round((Math.max(0, ms) / 1000) * unit)
  const seconds = units / unit
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const rest = (seconds % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, '0')
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

/** A time in words, for those who listen to the page. */
function spoken(ms) {
  const seconds = Math.round(ms / 100) / 10
  const minutes = Math.floor(seconds / 60)
  return (minutes ? `${minutes} min ` : '') + `${(seconds % 60).toFixed(1)} s`
}

/** A duration as people read it. */
function lasting(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : clock(ms, 0)
}

/** A share; what is not quite all is not called all. */
function percent(share) {
  if (share === null || share === undefined) return '–'
  return share > 0.995 && share < 1 ? 'over 99 %' : `${(100 * share).toFixed(0)} %`
}

/** A value with its unit as people read it; a share is in hundredths, small ones with a decimal. */
function quantity(value, unit) {
  if (unit === 'ms') return lasting(value)
  if (unit === 'share') return `${(100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`
  const number = String(Math.round(value * 100) / 100)
  return unit === 'count' ? number : `${number} ${unit}`
}

const decibels = (level, unit) => (level === null || level === undefined ? '–' : `${level.toFixed(1)}${unit ? ` ${unit}` : ''}`)
const words = (code) => String(code).replaceAll('_', ' ')
const clamp = (value, least, most) => Math.min(most, Math.max(least, value))

/** The stretches of the call that a track's recordings cover: of several pieces, each its own. */
function recorded(track) {
  if (!track.alignment) return []
  if (track.pieces?.length) return track.pieces
  const startMs = track.alignment.offsetMs
  return [{ startMs, endMs: startMs + (track.source?.durationMs ?? 0) }]
}

/** Tracks that could be read, and how each is called and coloured. */
const parties = report.tracks.map((track, at) => ({
  track,
  at,
  name: data.speakers[at] ?? `track ${at}`,
  colour: at % 4,
  /** The channel of the peaks, and of the mix where it has one per party. */
  channel: data.peaks.tracks.indexOf(at),
}))

/** Below this share of speech with its right voice, voices are named with a question mark. */
const SURE = 0.94

/** Who speaks on a track: its party, or each of its voices, with a name, a colour and the speech. */
function speakersOf({ track, at, name, colour }) {
  if (!(track.voices?.length > 1)) return [{ name, colour, speech: track.speech }]
  const unsure = track.voicesConfidence < SURE ? '?' : ''
  return track.voices.map(({ voice, role, speech }) => ({
    name: `${role === 'unknown' ? `voice ${voice + 1}` : role}${unsure}`, colour: (at + voice) % 4, speech,
  }))
}

/** A track's name with its colour, or that of one of its voices. */
function nameOf(at, voice = null) {
  const party = parties[at]
  if (!party) return el('span', {}, 'unknown')
  const { name, colour } = (voice === null ? null : speakersOf(party)[voice]) ?? party
  const swatch = el('span', { className: `swatch c${colour}` })
  return el('span', { className: 'name' }, swatch, el('span', { dir: 'auto' }, name))
}

/** Where at least two parties speak; nothing where they cannot be compared in time. */
function overlaps() {
  if (report.metrics.unavailable) return []
  const edges = parties.flatMap((p) => p.track.speech.flatMap((s) => [[s.startMs, 1], [s.endMs, -1]]))
  edges.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const found = []
  let speaking = 0
  for (const [time, step] of edges) {
    if (step > 0 && speaking === 1) found.push({ startMs: time, endMs: time })
    if (step < 0 && speaking === 2) found[found.length - 1].endMs = time
    speaking += step
  }
  return found.filter((span) => span.endMs > span.startMs)
}

const overlapping = overlaps()

/** Everything with a time, in the order of time. */
function moments() {
  const all = []
  const add = (span, at, kind, what) => all.push({ start: span.startMs, end: span.endMs, at, kind, what })
  for (const party of parties) {
    const { track, at } = party
    for (const { name, speech } of speakersOf(party)) {
      for (const span of speech) add(span, at, 'speech', name === party.name ? 'speech' : `speech of ${name}`)
    }
    for (const span of track.bleed) add(span, at, 'bleed', `bleed of ${parties[span.fromTrack]?.name ?? 'another'}`)
    for (const event of track.events) add(event, at, 'sound', soundText(event))
  }
  for (const span of overlapping) add(span, null, 'overlap', 'overlap')
  for (const span of report.metrics.interruptions ?? []) add(span, span.by, 'interruption', 'interruption')
  for (const span of report.metrics.nonTalk ?? []) add(span, null, 'non-talk', 'nobody talks')
  for (const span of report.redacted) add(span, null, 'redacted', 'redacted')
  return all.sort((a, b) => a.start - b.start || a.end - b.end)
}

function soundText(event) {
  return event.detail ? `${words(event.kind)} ${event.detail}` : words(event.kind)
}
