// Everything beside the timeline: the verdict, the figures as small charts with their numbers, tables, warnings.

function card(title, width, ...children) {
  const id = `card-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`
  const made = el('section', { className: `card ${width}`, 'aria-labelledby': id })
  made.append(el('h2', { id }, title), ...children.filter(Boolean))
  byId('cards').append(made)
}

/** A table; a cell is a text or an element, a heading that begins with '#' is over numbers. */
function table(label, headings, rows) {
  const isNumber = headings.map((heading) => heading.startsWith('#'))
  const head = headings.map((heading, i) =>
    el('th', { scope: 'col', className: isNumber[i] ? 'num' : '' }, heading.replace('#', '')),
  )
  const body = rows.map((row) =>
    el('tr', {}, ...row.map((cell, i) =>
      i === 0 ? el('th', { scope: 'row' }, cell) : el('td', { className: isNumber[i] ? 'num' : headings[i] === 'File' ? 'long' : '', dir: isNumber[i] ? 'ltr' : 'auto' }, cell),
    )),
  )
  const made = el('table', {}, el('caption', { className: 'hidden-text' }, label), el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...body))
  const box = el('div', { className: 'scroll', tabIndex: -1, role: 'region', 'aria-label': label }, made)
  scrollers.observe(box)
  return box
}

/** A table that does not fit can be reached by keyboard, to be scrolled; one that fits is no stop. */
const scrollers = new ResizeObserver((entries) => {
  for (const { target } of entries) target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1
})

/** A button that goes to a time. */
function timeButton(ms, text = clock(ms)) {
  const button = el('button', { type: 'button', className: 'link', 'aria-label': `Go to ${text}` }, text)
  button.addEventListener('click', () => goTo(ms))
  return button
}

function verdict() {
  const tag = byId('tag')
  tag.textContent = words(report.tag.value)
  tag.classList.add(report.tag.value)
  const { call } = report
  byId('title').textContent = `${words(report.outcome.value)}, ${spokenLength(call.durationMs)}`.replace(/^./, (c) => c.toUpperCase())
  const direction = { in: 'incoming', out: 'outgoing', internal: 'internal' }[call.direction]
  const started = call.startedAt ? call.startedAt.replace('T', ' ').replace('Z', ' UTC') : null
  const { confidence } = report.outcome
  const likely = confidence == null ? null : `${Math.round(100 * confidence)} % likely`
  const facts = [likely, direction, started, call.provider, call.id].filter(Boolean)
  byId('facts').append(...facts.flatMap((fact, i) => [i ? ' · ' : '', el('bdi', {}, fact)]))
  for (const reason of report.outcome.reasons) byId('reasons').append(reasonRow(reason))
}

/** The beginning of a name that is long; no character is cut in two. */
function short(name) {
  const characters = [...name]
  return characters.length > 13 ? `${characters.slice(0, 12).join('')}…` : name
}

function spokenLength(ms) {
  const seconds = Math.round(ms / 1000)
  const parts = [[Math.floor(seconds / 3600), 'h'], [Math.floor(seconds / 60) % 60, 'min'], [seconds % 60, 's']]
  return parts.filter(([count, unit], i) => count || (i === 2 && seconds < 60)).map((part) => part.join(' ')).join(' ')
}

/** A reason with what was measured against its limit. */
function reasonRow({ message, measured, limit, unit }) {
  const most = Math.max(measured, limit) * 1.15 || 1
  const [bar, mark] = [el('i'), el('b')]
  bar.style.width = `${(100 * measured) / most}%`
  mark.style.left = `${(100 * limit) / most}%`
  const track = el('span', { className: 'track cn', 'aria-hidden': 'true' }, bar, mark)
  return el('li', {}, el('span', {}, message), track, el('span', { className: 'value' }, `${quantity(measured, unit)}, limit ${quantity(limit, unit)}`))
}

function talk() {
  const { byTrack } = report.metrics
  if (!byTrack.length) return card('Talking', '', el('p', { className: 'muted' }, 'Parties cannot be told apart in a mixed recording.'))
  const share = el('div', { className: 'share', 'aria-hidden': 'true' })
  for (const party of byTrack.filter((one) => one.talkMs > 0)) {
    const part = el('i', { className: `c${(speakersOf(parties[party.track])[party.voice ?? 0] ?? parties[party.track]).colour}` })
    part.style.flexGrow = party.talkMs
    share.append(part)
  }
  const rows = byTrack.map((one) => [
    nameOf(one.track, one.voice), lasting(one.talkMs), percent(one.talkShare), String(one.turns), lasting(one.longestMonologueMs),
    one.firstSpeechMs === null ? '–' : timeButton(one.firstSpeechMs),
  ])
  card('Talking', '', share, table('Talking, by party', ['Party', '#Talks', '#Share', '#Turns', '#Longest', '#First'], rows))
}

function together() {
  const { metrics } = report
  if (metrics.unavailable) {
    const most = Math.max(...parties.map(({ track }) => track.alignment?.uncertaintyMs ?? 0))
    const reasons = {
      alignment: `the tracks’ places are uncertain by ± ${lasting(most)}`,
      tracks: 'a track could not be read',
      voices: 'one channel holds several parties, or may hold them',
    }
    const why = reasons[metrics.unavailable]
    return card('Between the parties', '', el('p', { className: 'muted' }, `Overlap, interruptions, pauses and response times are not given: ${why}.`))
  }
  const figures = [
    ['Anyone talks', lasting(metrics.speechMs)], ['Nobody talks', lasting(metrics.nonTalkMs)], ['Overlap', lasting(metrics.overlapMs)],
    ['Interruptions', String(metrics.interruptions?.length ?? '–')], ['Backchannels', String(metrics.backchannels ?? '–')],
    ['Median response', lasting(metrics.responseMs?.median)],
  ]
  const list = el('dl', { className: 'figures' }, ...figures.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))))
  card('Between the parties', '', list, responses(metrics.responseMs))
}

/** Response times on a line: median, mean, 95th percentile. */
function responses(times) {
  if (!times?.count || times.p95 === null) return null
  const most = Math.max(1000, times.p95, times.mean) * 1.15
  const x = (ms) => 4 + (ms / most) * 352
  const text = `Response times of ${times.count} answers: median ${lasting(times.median)}, mean ${lasting(times.mean)}, 19 in 20 under ${lasting(times.p95)}`
  const picture = svg('svg', { viewBox: '0 0 360 20', class: 'chart cn', role: 'img', 'aria-label': text },
    svg('line', { class: 'axis', x1: 4, x2: 356, y1: 10, y2: 10 }),
    svg('rect', { class: 'light', x: 4, y: 6, width: Math.max(1, x(times.p95) - 4), height: 8, rx: 4 }),
    svg('circle', { class: 'fill', cx: x(times.median), cy: 10, r: 5 }),
    svg('line', { class: 'mark', x1: x(times.mean), x2: x(times.mean), y1: 4, y2: 16 }))
  const key = 'The dot is the median, the line the mean; the bar ends where 19 in 20 answers have come.'
  return el('div', { className: 'below' }, picture, el('p', { className: 'muted' }, `${text}. ${key}`))
}

function levels() {
  const heard = parties.filter(({ track }) => track.level)
  if (!heard.length) return
  const [floor, left, right] = [-90, 92, 470]
  const x = (db) => left + ((clamp(db, floor, 0) - floor) / -floor) * (right - left)
  const height = 24 * heard.length + 20
  const chart = svg('svg', { viewBox: `0 0 480 ${height}`, class: 'chart charted', 'aria-hidden': 'true' })
  for (let db = -80; db <= 0; db += 20) {
    const label = svg('text', { x: x(db), y: height - 3, 'text-anchor': 'middle' })
    label.textContent = db
    chart.append(svg('line', { class: 'axis', x1: x(db), x2: x(db), y1: 0, y2: height - 16 }), label)
  }
  for (const [row, { track, name, colour }] of heard.entries()) {
    const [{ noiseDbov, activeDbov, truePeakDbtp }, y] = [track.level, 12 + 24 * row]
    const [noise, active, peak] = [noiseDbov ?? floor, activeDbov ?? floor, truePeakDbtp ?? floor]
    const label = svg('text', { class: 'name-text', x: 0, y: y + 4 })
    label.textContent = short(name)
    chart.append(svg('g', { class: `c${colour}` },
      svg('rect', { class: 'light', x: x(noise), y: y - 3, width: Math.max(1, x(peak) - x(noise)), height: 6, rx: 3 }),
      svg('circle', { class: 'fill', cx: x(active), cy: y, r: 5 }),
      svg('line', { class: 'stroke', x1: x(peak), x2: x(peak), y1: y - 6, y2: y + 6 })), label)
  }
  const rows = heard.map(({ track: { level }, at }) => [
    nameOf(at), decibels(level.activeDbov), decibels(level.truePeakDbtp), decibels(level.loudnessLufs), decibels(level.noiseDbov),
    `${level.gainDb > 0 ? '+' : ''}${decibels(level.gainDb)}`, String(level.clippedSamples),
  ])
  const headings = ['Party', '#Speech dBov', '#Peak dBTP', '#LUFS', '#Noise dBov', '#Gain dB', '#Clipped']
  card('Levels', '', chart, table('Levels, as recorded; the gain is the mix’s', headings, rows))
}

function places() {
  const placed = parties.filter(({ track }) => track.alignment)
  const rows = placed.map(({ track: { alignment }, at }) => {
    const meter = el('span', { className: 'track meter cn', role: 'img', 'aria-label': `confidence ${percent(alignment.confidence)}` }, el('i'))
    meter.firstChild.style.width = `${100 * alignment.confidence}%`
    return [
      nameOf(at), clock(alignment.offsetMs, 3), `± ${lasting(alignment.uncertaintyMs)}`, words(alignment.method),
      el('div', {}, percent(alignment.confidence), meter), `${alignment.driftPpm.toFixed(1)} ppm`,
    ]
  })
  const headings = ['Track', '#Begins at', '#Nine in ten', 'By', '#Within 250 ms', '#Clock']
  card('Placement', '', placeChart(placed), table('Where each track lies on the call’s timeline, and how sure that is', headings, rows))
}

/** Each track as a line on the call's timeline, with the span in which its beginning lies. */
function placeChart(placed) {
  const height = 24 * placed.length + 4
  const x = (ms) => 92 + (clamp(ms, 0, total) / total) * 384
  const chart = svg('svg', { viewBox: `0 0 480 ${height}`, class: 'chart charted', 'aria-hidden': 'true' })
  for (const [row, { track, name, colour }] of placed.entries()) {
    const [{ offsetMs, uncertaintyMs }, y] = [track.alignment, 14 + 24 * row]
    const label = svg('text', { class: 'name-text', x: 0, y: y + 4 })
    label.textContent = short(name)
    const lines = recorded(track).map(({ startMs, endMs }) =>
      svg('rect', { class: 'light', x: x(startMs), y: y - 4, width: Math.max(1, x(endMs) - x(startMs)), height: 8, rx: 2 }))
    const [early, late] = [x(offsetMs - uncertaintyMs), x(offsetMs + uncertaintyMs)]
    chart.append(label, svg('g', { class: `c${colour}` },
      ...lines,
      svg('rect', { class: 'fill', x: early, y: y - 1, width: Math.max(1, late - early), height: 2 }),
      svg('line', { class: 'stroke', x1: x(offsetMs), x2: x(offsetMs), y1: y - 7, y2: y + 7 })))
  }
  return chart
}

function sounds() {
  const all = parties.flatMap(({ track, at }) => track.events.map((event) => ({ event, at })))
  all.sort((a, b) => a.event.startMs - b.event.startMs)
  if (!all.length) return
  const most = 12
  const rows = all.map(({ event, at }) => [
    timeButton(event.startMs), soundText(event), nameOf(at), lasting(event.endMs - event.startMs), percent(event.confidence),
  ])
  const headings = ['At', 'Sound', 'Track', '#Lasts', '#Sure']
  const shown = el('div', {}, table('Sounds that are not speech', headings, rows.slice(0, most)))
  const more = el('button', { type: 'button' }, `All ${rows.length} sounds`)
  more.addEventListener('click', () => {
    shown.replaceChildren(table('Sounds that are not speech', headings, rows))
    shown.firstChild.focus()
    more.remove()
  })
  card('Sounds', '', shown, rows.length > most ? more : null)
}

/** What is wrong with the recordings, each with what was measured against its limit. */
function integrity() {
  if (!report.integrity.length) return
  card('Integrity', '', el('ul', { className: 'reasons' }, ...report.integrity.map(reasonRow)))
}

function redacted() {
  if (!report.redacted.length) return
  const rows = report.redacted.map((span) => [timeButton(span.startMs), clock(span.endMs), lasting(span.endMs - span.startMs)])
  card('Redacted', '', table('Taken out of every track of the mix', ['From', '#To', '#Lasts'], rows))
}

function warnings() {
  const own = report.warnings.map((warning) => [null, warning])
  for (const { track, at } of parties) {
    if (track.error) own.push([at, track.error])
    const sources = track.pieces?.length ? track.pieces.map((piece) => piece.source) : [track.source]
    for (const source of sources) for (const warning of source?.warnings ?? []) own.push([at, warning])
  }
  if (!own.length) return
  const lines = own.map(([at, { code, message }]) =>
    el('li', {}, at === null ? null : nameOf(at), at === null ? null : ' ', el('span', { className: 'code' }, words(code)), ' ', el('bdi', {}, message)),
  )
  card('Warnings', '', el('ul', { className: 'warnings' }, ...lines))
}

function recordings() {
  const rows = parties.flatMap(({ track, at }) => {
    if (!track.source) return [[nameOf(at), 'not read', '', '', '', '', '']]
    const sources = track.pieces?.length ? track.pieces.map((piece) => piece.source) : [track.source]
    const rate = ({ sampleRateHz, decodedRateHz: lower }) => `${sampleRateHz / 1000} kHz${lower ? `, decoded at ${lower / 1000}` : ''}`
    return sources.map((source) => [
      nameOf(at), source.path ?? '', `${source.codec} in ${source.container}`, `${rate(source)} × ${source.channels}`,
      clock(source.durationMs), `${source.codecDelayMs.toFixed(1)} ms, ${source.codecDelayBasis}`, source.sha256 ? `${source.sha256.slice(0, 12)}…` : '–',
    ])
  })
  const headings = ['Track', 'File', 'Codec', '#Rate', '#Length', '#Codec delay', 'SHA-256']
  const shown = rows.some((row) => row[1] && row[1] !== 'not read') ? headings : headings.filter((name) => name !== 'File')
  const cut = shown === headings ? rows : rows.map((row) => row.filter((_, i) => i !== 1))
  card('Recordings', 'full', table('The recordings', shown, cut))
}

function footer() {
  const { library, detector, configHash } = report
  const changed = Object.keys(report.config).length ? `, changed: ${JSON.stringify(report.config)}` : ''
  byId('footer').textContent = `${library.name} ${library.version} · speech by ${detector.name} ${detector.version} · configuration ${configHash.slice(0, 12)}${changed}`
}

function legend() {
  const entries = [
    ['c0', 'speech, in the party’s colour'], ['cf', 'other sound'], ['stripes cn', 'bleed: another party heard here'], ['cs', 'sounds'],
  ]
  if (report.redacted.length) entries.push(['ci', 'redacted'])
  if (parties.length > 1 && !report.metrics.unavailable) entries.push(['co', 'overlap'], ['corner cn', 'interruption'], ['thin cf', 'nobody talks'])
  byId('legend').append(...entries.map(([colour, text]) => el('li', {}, el('span', { className: `swatch ${colour}`, 'aria-hidden': 'true' }), el('span', {}, text))))
}

/** The timeline as a table, made when it is opened: an hour has thousands of rows. */
function momentsTable() {
  const rows = moments().map((moment) => [
    timeButton(moment.start), clock(moment.end), moment.at === null ? 'all' : nameOf(moment.at), moment.what, lasting(moment.end - moment.start),
  ])
  byId('table').replaceChildren(table('Everything on the timeline', ['From', '#To', 'Party', 'What', '#Lasts'], rows))
}

function drawFigures() {
  verdict()
  legend()
  talk()
  together()
  levels()
  places()
  sounds()
  redacted()
  integrity()
  warnings()
  const halves = byId('cards').querySelectorAll('section:not(.full)')
  if (halves.length % 2) halves[halves.length - 1].classList.add('full')
  recordings()
  footer()
}
