// The view of the timeline, and what the reader does to it.

const view = { start: 0, end: total, get now() { return player.now }, muted: player.muted, samples: null, redraw: () => redraw() }
const [timeline, detail, overview, whole] = ['timeline', 'detail', 'overview', 'whole'].map(byId)
const turnStarts = report.turns.map((turn) => turn.startMs).sort((a, b) => a - b)

/** The least that is shown: some samples where they can be read, some points where not. */
const leastSpan = () => Math.min(total, view.samples?.read || view.samples?.piece ? 40000 / view.samples.rate : Math.max(200, 40 * pointMs))

let drawing = false
function redraw() {
  if (drawing) return
  drawing = true
  requestAnimationFrame(drawNow)
}

function drawNow() {
  drawing = false
  const width = timeline.clientWidth
  if (width < 10) return
  drawDetail(detail, view, width)
  drawWhole(whole, view, overview.clientWidth)
}

function show(start, end) {
  const span = clamp(end - start, leastSpan(), total)
  view.start = clamp(start, 0, total - span)
  view.end = view.start + span
  byId('zoom-fit').disabled = span >= total
  byId('zoom-out').disabled = span >= total
  redraw()
}

function zoom(factor, around = player.now) {
  const span = view.end - view.start
  const centre = around >= view.start && around <= view.end ? around : (view.start + view.end) / 2
  const wanted = clamp(span * factor, leastSpan(), total)
  const start = centre - ((centre - view.start) * wanted) / span
  if (factor < 1 && wanted === span) offerSamples()
  show(start, start + wanted)
}

/** Keeps the cursor in sight, a page at a time. */
function follow() {
  const span = view.end - view.start
  if (player.now < view.start || player.now > view.end - 0.02 * span) {
    if (span < total) show(player.now - 0.1 * span, player.now + 0.9 * span)
  }
}

function goTo(ms) {
  seek(ms)
  follow()
}

function note(text) {
  byId('note').textContent = text
}

/** Says what the page cannot do by itself, and offers the way. */
function offerSamples() {
  if (player.samples || !splitMix) return
  note(`The browser lets this page play ${data.audio}, but not read it. Open it here once for muting and for zooming to the samples; nothing leaves this computer.`)
  byId('open').hidden = false
}

function labels() {
  for (const { track, at, name, colour, channel } of parties) {
    const item = el('li', {})
    item.style.height = `${WAVE + SOUNDS + GAP}px`
    item.append(el('span', { className: 'who' }, el('span', { className: `swatch c${colour}` }), el('span', { dir: 'auto', title: name }, name)))
    if (track.role !== name && !name.startsWith(track.role)) item.append(el('span', { className: 'small' }, track.role))
    const place = track.alignment
    if (place) {
      const text = place.method === 'reference' ? 'reference' : `at ${clock(place.offsetMs, 2)} ± ${lasting(place.uncertaintyMs)}`
      item.append(el('span', { className: 'small', title: `placed by ${words(place.method)}` }, text))
      if (place.method !== 'reference') item.append(el('span', { className: 'small' }, `${words(place.method)}, ${percent(place.confidence)} sure`))
    }
    if (splitMix && channel >= 0 && parties.length > 1) item.append(muteButton(at, name))
    byId('lanes').append(item)
  }
  byId('lanes').style.paddingTop = `${RULER}px`
  if (parties.length > 1) byId('lanes').append(el('li', {}, el('span', { className: 'small' }, report.metrics.unavailable ? 'not compared' : 'together')))
}

function muteButton(at, name) {
  const button = el('button', { type: 'button', className: 'mute', 'aria-pressed': 'false', 'aria-label': `Mute ${name}` }, 'Mute')
  button.addEventListener('click', () => mute(at))
  button.dataset.at = at
  return button
}

function mute(at) {
  if (!parties[at] || !splitMix || parties[at].channel < 0) return
  if (!player.samples) {
    offerSamples()
    byId('open').focus()
    return
  }
  setMuted(at, !player.muted.has(at))
}

/** What lies under the pointer, in words. */
function readout(event) {
  const box = timeline.getBoundingClientRect()
  const ms = view.start + ((event.clientX - box.left) / box.width) * (view.end - view.start)
  const row = Math.floor((event.clientY - box.top - RULER) / (WAVE + SOUNDS + GAP))
  const party = parties[row]
  const under = (span) => span.startMs <= ms && ms <= span.endMs
  const found = party && [
    ...party.track.events.filter(under).map((one) => `${soundText(one)}, ${lasting(one.endMs - one.startMs)}, ${percent(one.confidence)} sure`),
    ...speakersOf(party).flatMap(({ name, speech }) =>
      speech.filter(under).map((one) => `${name === party.name ? 'speech' : name}, ${lasting(one.endMs - one.startMs)}`)),
    ...party.track.bleed.filter(under).map((one) => `bleed of ${parties[one.fromTrack]?.name ?? 'another'}`),
  ]
  byId('readout').textContent = [clock(ms, view.end - view.start < 2000 ? 4 : 2), party?.name, ...(found ?? [])].filter(Boolean).join(' · ')
}

/** Click goes there, drag moves the view. */
function pointers() {
  let held = null
  timeline.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    held = { x: event.clientX, start: view.start, moved: false }
    timeline.setPointerCapture(event.pointerId)
  })
  timeline.addEventListener('pointermove', (event) => {
    readout(event)
    if (!held) return
    const moved = event.clientX - held.x
    held.moved ||= Math.abs(moved) > 4
    const span = view.end - view.start
    if (held.moved && span < total) {
      const start = held.start - (moved / timeline.clientWidth) * span
      show(start, start + span)
    }
  })
  timeline.addEventListener('pointerup', (event) => {
    if (held && !held.moved) {
      const box = timeline.getBoundingClientRect()
      seek(view.start + ((event.clientX - box.left) / box.width) * (view.end - view.start))
    }
    held = null
  })
  timeline.addEventListener('pointercancel', () => { held = null })
  timeline.addEventListener('pointerleave', () => { byId('readout').textContent = '' })
  timeline.addEventListener('wheel', wheel, { passive: false })
  let dragging = false
  const move = (event) => {
    const box = overview.getBoundingClientRect()
    const ms = clamp((event.clientX - box.left) / box.width, 0, 1) * total
    const span = view.end - view.start
    if (span >= total) seek(ms)
    else show(ms - span / 2, ms + span / 2)
  }
  overview.addEventListener('pointerdown', (event) => { dragging = true; overview.setPointerCapture(event.pointerId); move(event) })
  overview.addEventListener('pointermove', (event) => { if (dragging) move(event) })
  for (const end of ['pointerup', 'pointercancel']) overview.addEventListener(end, () => { dragging = false })
}

function wheel(event) {
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0
  if (!event.ctrlKey && !event.metaKey && !sideways) return
  event.preventDefault()
  const span = view.end - view.start
  if (event.ctrlKey || event.metaKey) {
    const box = timeline.getBoundingClientRect()
    zoom(2 ** clamp(event.deltaY / 120, -1, 1), view.start + ((event.clientX - box.left) / box.width) * span)
  } else {
    const start = view.start + (sideways / timeline.clientWidth) * span
    show(start, start + span)
  }
}

const SPEEDS = [...byId('speed').options].map((option) => option.value)

function changeSpeed(step) {
  const at = clamp(SPEEDS.indexOf(byId('speed').value) + step, 0, SPEEDS.length - 1)
  byId('speed').value = SPEEDS[at]
  audio.playbackRate = Number(SPEEDS[at])
}

function nextTurn(step) {
  const found = step > 0 ? turnStarts.find((ms) => ms > player.now + 50) : turnStarts.findLast((ms) => ms < player.now - 500)
  if (found !== undefined) goTo(found)
}

const KEYS = {
  ' ': toggle,
  ArrowLeft: (event) => goTo(player.now - (event.shiftKey ? 100 : 5000)),
  ArrowRight: (event) => goTo(player.now + (event.shiftKey ? 100 : 5000)),
  ArrowUp: () => changeSpeed(1),
  ArrowDown: () => changeSpeed(-1),
  PageUp: () => goTo(player.now + 60000),
  PageDown: () => goTo(player.now - 60000),
  Home: () => goTo(0),
  End: () => goTo(total),
  '+': () => zoom(0.5),
  '=': () => zoom(0.5),
  '-': () => zoom(2),
  0: () => show(0, total),
  n: () => nextTurn(1),
  p: () => nextTurn(-1),
}

/** Keys that scroll the page do so unless the timeline has the focus. */
const SCROLLING = new Set(['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End'])

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  const { target } = event
  const busy = target.closest('select, input, textarea') || (event.key === ' ' && target.closest('button, summary, a'))
  if (busy || (SCROLLING.has(event.key) && target !== timeline)) return
  if (target.closest('.scroll') && event.key.startsWith('Arrow')) return
  const number = Number(event.key)
  const act = number >= 1 && number <= 9 ? () => mute(number - 1) : KEYS[event.key] ?? KEYS[event.key.toLowerCase()]
  if (!act) return
  event.preventDefault()
  act(event)
}

function changed(what) {
  if (what === 'failed') note(`${data.audio} cannot be played: it is not beside this page, or this browser does not read it.`)
  if (what === 'samples') {
    view.samples = player.samples
    byId('open').hidden = true
    note('')
    show(view.start, view.end)
  }
  const playing = playable && !audio.paused
  byId('play').classList.toggle('playing', playing)
  byId('play').setAttribute('aria-label', playing ? 'Pause' : 'Play')
  byId('now').textContent = clock(player.now)
  timeline.setAttribute('aria-valuenow', String(Math.round(player.now)))
  timeline.setAttribute('aria-valuetext', `${spoken(player.now)} of ${spoken(total)}`)
  for (const button of document.querySelectorAll('.mute')) {
    button.setAttribute('aria-pressed', String(player.muted.has(Number(button.dataset.at))))
  }
  if (playing && what === 'time') follow()
  redraw()
}

async function openFile(file) {
  try {
    await useBlob(file)
  } catch (error) {
    note(`${file.name}: ${error.message}.`)
  }
}

function controls() {
  byId('play').hidden = !playable
  byId('speed').closest('label').hidden = !playable
  byId('total').textContent = clock(total)
  timeline.setAttribute('aria-valuemax', String(Math.round(total)))
  byId('play').addEventListener('click', toggle)
  byId('speed').addEventListener('change', () => { audio.playbackRate = Number(byId('speed').value) })
  byId('zoom-in').addEventListener('click', () => zoom(0.5))
  byId('zoom-out').addEventListener('click', () => zoom(2))
  byId('zoom-fit').addEventListener('click', () => show(0, total))
  byId('open').textContent = `Open ${data.audio}…`
  byId('open').addEventListener('click', () => byId('file').click())
  byId('file').addEventListener('change', () => { if (byId('file').files[0]) openFile(byId('file').files[0]) })
  document.addEventListener('dragover', (event) => event.preventDefault())
  document.addEventListener('drop', (event) => {
    event.preventDefault()
    if (playable && event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0])
  })
  document.addEventListener('keydown', keys)
  byId('table-box').addEventListener('toggle', () => { if (byId('table-box').open && !byId('table').firstChild) momentsTable() })
}

/** Other colours, another size, paper: the pictures follow. */
function surroundings() {
  const recolour = () => { colours = palette(); drawNow() }
  for (const query of ['(prefers-color-scheme: dark)', 'print']) matchMedia(query).addEventListener('change', recolour)
  addEventListener('beforeprint', recolour)
  addEventListener('afterprint', recolour)
  new ResizeObserver(redraw).observe(timeline)
}

player.changed = changed
labels()
controls()
pointers()
surroundings()
show(0, total)
drawNow()
drawFigures()
changed('state')
startPlayer()
