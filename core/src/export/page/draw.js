// The timeline's pictures: the lanes under a ruler, and the whole call in small.

const RULER = 24
const WAVE = 74
const SOUNDS = 20
const GAP = 12
const TOGETHER = 22
const WHOLE = 46

const laneTop = (row) => RULER + row * (WAVE + SOUNDS + GAP)
const togetherTop = laneTop(parties.length)
const detailHeight = togetherTop + (parties.length > 1 ? TOGETHER + 4 : 0)

/** The colours of the moment, from the style sheet. */
function palette() {
  const style = getComputedStyle(document.documentElement)
  const colour = (name) => style.getPropertyValue(`--${name}`).trim()
  const named = {}
  for (const name of ['ink', 'muted', 'line', 'soft', 'card', 'faint', 'sound', 'overlap']) named[name] = colour(name)
  return { ...named, party: [0, 1, 2, 3].map((n) => colour(`p${n}`)) }
}

let colours = palette()

/** A canvas sharp on this screen, cleared; its context counts in CSS pixels. */
function fresh(canvas, width, height) {
  const ratio = Math.min(3, Math.max(1, window.devicePixelRatio || 1))
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    canvas.style.height = `${height}px`
  }
  const context = canvas.getContext('2d')
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  context.font = '11px system-ui, sans-serif'
  context.textBaseline = 'middle'
  return context
}

/** Draws all lanes of a view: `{start, end, now, muted, samples, redraw}` at a width. */
function drawDetail(canvas, view, width) {
  const context = fresh(canvas, width, detailHeight)
  const scale = width / (view.end - view.start)
  const x = (ms) => (ms - view.start) * scale
  const seen = (span) => span.endMs > view.start && span.startMs < view.end
  const at = { context, view, width, x, seen }
  drawRuler(at)
  for (const party of parties) {
    context.globalAlpha = view.muted.has(party.at) ? 0.35 : 1
    drawLane(at, party, laneTop(party.at))
    context.globalAlpha = 1
  }
  if (parties.length > 1) drawTogether(at)
  context.fillStyle = colours.ink
  const cursor = Math.round(x(view.now))
  if (cursor >= 0 && cursor <= width) context.fillRect(cursor - 0.75, RULER - 8, 1.5, detailHeight - RULER + 8)
}

const MARKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]

function drawRuler({ context, view, width, x }) {
  const wanted = (((view.end - view.start) / 1000) * 88) / width
  const step = 1000 * (MARKS.find((mark) => mark >= wanted) ?? 7200)
  const decimals = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3
  for (let n = Math.ceil(view.start / step); n * step <= view.end; n++) {
    const left = Math.round(x(n * step)) + 0.5
    context.fillStyle = colours.line
    context.fillRect(left - 0.5, RULER - 6, 1, detailHeight - RULER + 6)
    const label = clock(n * step, decimals)
    const room = context.measureText(label).width
    context.fillStyle = colours.muted
    if (left + 4 + room < width) context.fillText(label, left + 4, 9)
  }
}

function drawLane(at, party, top) {
  const { context, width, x, seen } = at
  const { track } = party
  const colour = colours.party[party.colour]
  const middle = top + WAVE / 2
  const alpha = context.globalAlpha
  context.globalAlpha = alpha * 0.5
  context.fillStyle = colours.soft
  for (const span of recorded(track).filter(seen)) {
    const [left, right] = [clamp(x(span.startMs), 0, width), clamp(x(span.endMs), 0, width)]
    context.fillRect(left, top, right - left, WAVE)
  }
  context.globalAlpha = alpha * 0.13
  // Voices of one track lie in its lane, one below the other.
  const speakers = speakersOf(party)
  speakers.forEach((speaker, row) => {
    context.fillStyle = colours.party[speaker.colour]
    const height = WAVE / speakers.length
    for (const span of speaker.speech.filter(seen)) {
      context.fillRect(x(span.startMs), top + row * height, Math.max(1, x(span.endMs) - x(span.startMs)), height)
    }
  })
  context.globalAlpha = alpha
  if (party.channel >= 0) drawWave(at, party, middle, colour)
  else {
    context.fillStyle = colours.muted
    context.fillText(track.error ? 'could not be read' : 'not in the mix: the same recording as another track', 8, middle)
  }
  for (const span of report.redacted.filter(seen)) blackOut(at, span, middle)
  for (const span of track.bleed.filter(seen)) hatch(at, span, top + WAVE - 7, 7, colours.party[(parties[span.fromTrack]?.colour ?? 3)])
  drawSounds(at, track.events.filter(seen), top + WAVE + 3)
}

/** What was taken out of the mix, as on paper. */
function blackOut({ context, width, x }, span, middle) {
  const [left, right] = [clamp(x(span.startMs), 0, width), clamp(x(span.endMs), 0, width)]
  context.fillStyle = colours.ink
  context.fillRect(left, middle - 9, Math.max(2, right - left), 18)
}

/** A striped bar: what is heard there belongs to another party. */
function hatch({ context, x, width }, span, top, height, colour) {
  const [left, right] = [clamp(x(span.startMs), -20, width + 20), clamp(x(span.endMs), -20, width + 20)]
  context.save()
  context.beginPath()
  context.rect(left, top, Math.max(1, right - left), height)
  context.clip()
  context.beginPath()
  for (let from = left - height - (left % 5); from < right; from += 5) {
    context.moveTo(from, top + height)
    context.lineTo(from + height, top)
  }
  context.strokeStyle = colour
  context.lineWidth = 1.4
  context.stroke()
  context.restore()
}

function drawWave(at, party, middle, colour) {
  const { context, view, width } = at
  const half = WAVE / 2 - 3
  context.fillStyle = colours.line
  context.fillRect(0, middle - 0.5, width, 1)
  const msPerColumn = (view.end - view.start) / width
  const samples = view.samples && view.samples.channels === data.peaks.channels ? view.samples : null
  const near = samples && msPerColumn < pointMs && view.end - view.start < 120000
  const piece = near ? samples.between(view.start, view.end, view.redraw) : null
  const full = piece ? fullHeight(samples, piece, view) : loudest
  if (piece && msPerColumn * samples.rate < 2000) return drawSamples(at, party, middle, half / full, colour, samples, piece)
  const found = piece
    ? sampleColumns(party.channel, samples, piece, view.start, msPerColumn, width, full)
    : columns(party.channel, view.start, msPerColumn, Math.ceil(width))
  const speaks = spanWalker(party.track.speech)
  const [own, other] = [new Path2D(), new Path2D()]
  for (let column = 0; column < found.length / 2; column++) {
    const time = view.start + (column + 0.5) * msPerColumn
    const [least, most] = [found[2 * column], found[2 * column + 1]]
    const height = Math.max(1, (most - least) * half)
    ;(speaks(time) ? own : other).rect(column, middle - most * half - (height === 1 ? 0.5 : 0), 1, height)
  }
  context.fillStyle = colours.faint
  context.fill(other)
  context.fillStyle = colour
  context.fill(own)
}

/** Tells for rising times whether they lie in one of the spans. */
function spanWalker(spans) {
  let next = 0
  return (time) => {
    while (next < spans.length && spans[next].endMs <= time) next++
    return next < spans.length && spans[next].startMs <= time
  }
}

/** What full height is worth to samples: the loudest of the call, and from half a second down the loudest in sight. */
function fullHeight(samples, piece, view) {
  if (view.end - view.start > 500) return loudest
  const at = (ms) => samples.channels * (clamp(Math.round((ms / 1000) * samples.rate), piece.first, piece.last) - piece.first)
  let most = 0
  for (let i = at(view.start); i < at(view.end); i++) most = Math.max(most, Math.abs(piece.values[i]))
  return clamp((1.1 * most) / 256, loudest / 32, loudest)
}

function sampleColumns(channel, samples, piece, start, msPerColumn, width, full) {
  const found = new Float32Array(2 * Math.ceil(width))
  const perMs = samples.rate / 1000
  for (let column = 0; column < found.length / 2; column++) {
    const from = Math.max(piece.first, Math.floor((start + column * msPerColumn) * perMs))
    const to = Math.min(piece.last, Math.max(from + 1, Math.ceil((start + (column + 1) * msPerColumn) * perMs)))
    let [least, most] = [0, 0]
    for (let frame = from; frame < to; frame++) {
      const value = piece.values[(frame - piece.first) * samples.channels + channel]
      if (value < least) least = value
      if (value > most) most = value
    }
    found[2 * column] = least / 256 / full
    found[2 * column + 1] = most / 256 / full
  }
  return found
}

/** Samples one by one: a line, and dots where there is room. */
function drawSamples({ context, view, width, x }, party, middle, scale, colour, samples, piece) {
  const frameMs = 1000 / samples.rate
  const first = Math.max(piece.first, Math.floor(view.start / frameMs) - 1)
  const last = Math.min(piece.last, Math.ceil(view.end / frameMs) + 2)
  const apart = width / ((view.end - view.start) / frameMs)
  context.beginPath()
  const dots = new Path2D()
  for (let frame = first; frame < last; frame++) {
    const value = piece.values[(frame - piece.first) * samples.channels + party.channel] / 256
    const [left, top] = [x(frame * frameMs), middle - value * scale]
    context.lineTo(left, top)
    if (apart >= 5) dots.rect(left - 1.75, top - 1.75, 3.5, 3.5)
  }
  context.strokeStyle = colour
  context.lineWidth = 1.25
  context.lineJoin = 'round'
  context.stroke()
  context.fillStyle = colour
  context.fill(dots)
}

function drawSounds({ context, view, width, x }, events, top) {
  let free = -Infinity
  for (const event of events) {
    const [left, right] = [clamp(x(event.startMs), 0, width), clamp(x(event.endMs), 0, width)]
    context.fillStyle = colours.sound
    context.beginPath()
    context.roundRect(left, top, Math.max(2, right - left), 4, 2)
    context.fill()
    const label = soundText(event)
    const room = context.measureText(label).width
    if (left >= free && left + room < width) {
      context.fillText(label, left, top + 11.5)
      free = left + room + 8
    }
  }
}

/** What the parties do together: overlap, interruptions, and where nobody talks. */
function drawTogether({ context, width, x, seen }) {
  const middle = togetherTop + TOGETHER / 2
  if (report.metrics.unavailable) return
  context.fillStyle = colours.faint
  for (const span of (report.metrics.nonTalk ?? []).filter(seen)) {
    context.fillRect(x(span.startMs), middle - 1, Math.max(1, x(span.endMs) - x(span.startMs)), 2)
  }
  context.fillStyle = colours.overlap
  for (const span of overlapping.filter(seen)) {
    context.fillRect(x(span.startMs), middle - 4, Math.max(1.5, x(span.endMs) - x(span.startMs)), 8)
  }
  for (const span of (report.metrics.interruptions ?? []).filter(seen)) {
    const left = x(span.startMs)
    context.fillStyle = colours.party[parties[span.by]?.colour ?? 3]
    context.beginPath()
    context.moveTo(left - 5, togetherTop)
    context.lineTo(left + 5, togetherTop)
    context.lineTo(left, togetherTop + 7)
    context.fill()
  }
}

/** The whole call: the first party up, the others down, about one line; and what of it is seen above. */
function drawWhole(canvas, view, width) {
  const context = fresh(canvas, width, WHOLE)
  const heard = parties.filter((party) => party.channel >= 0)
  const middle = WHOLE * (heard.length > 1 ? 0.5 : 0.85)
  const count = Math.ceil(width)
  const ms = total / width
  for (const [nth, party] of heard.entries()) {
    const found = columns(party.channel, 0, ms, count)
    const up = nth === 0
    const speaks = spanWalker(party.track.speech)
    for (let column = 0; column < count; column++) {
      const height = Math.max(found[2 * column + 1], -found[2 * column]) * (up ? middle : WHOLE - middle)
      context.fillStyle = speaks((column + 0.5) * ms) ? colours.party[party.colour] : colours.faint
      context.fillRect(column, up ? middle - height : middle, 1, Math.max(0.5, height))
    }
  }
  const [left, right] = [(view.start / total) * width, (view.end / total) * width]
  if (right - left < width - 1) {
    context.fillStyle = colours.card
    context.globalAlpha = 0.6
    context.fillRect(0, 0, left, WHOLE)
    context.fillRect(right, 0, width - right, WHOLE)
    context.globalAlpha = 1
    context.strokeStyle = colours.ink
    context.lineWidth = 1.5
    context.strokeRect(clamp(left, 1, width - 4), 1, Math.max(3, right - left - 1), WHOLE - 2)
  }
  context.fillStyle = colours.ink
  context.fillRect((view.now / total) * width - 0.5, 0, 1, WHOLE)
}
