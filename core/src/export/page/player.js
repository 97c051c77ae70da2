// Playing the mix. A page from disk may play the file beside it but not read it: muting a party and looking at samples
// need the bytes, which come embedded, over http, or from the file that the reader opens by hand.

const audio = byId('audio')

const player = {
  /** Where playing stands, in milliseconds, also without any audio. */
  now: 0,
  muted: new Set(),
  /** The mix's samples, once they can be read. */
  samples: null,
  graph: null,
  gains: [],
  /** Called with what changed: 'time', 'state', 'samples'. */
  changed: () => {},
}

const mix = report.outputs.find((output) => output.kind === 'mix')
const playable = Boolean(data.audio)
/** Whether the mix has one channel per party, in the order of the peaks' channels. */
const splitMix = playable && mix !== undefined && data.split

function seek(ms) {
  player.now = clamp(ms, 0, total)
  if (playable && audio.readyState > 0) audio.currentTime = player.now / 1000
  player.changed('time')
}

function toggle() {
  if (!playable) return
  if (!audio.paused) return audio.pause()
  if (player.now >= total - 20) seek(0)
  if (audio.readyState === 0) audio.load()
  player.graph?.resume()
  audio.play().catch((error) => {
    if (error.name !== 'AbortError') player.changed('failed')
  })
}

function tick() {
  if (audio.paused) return
  player.now = clamp(1000 * audio.currentTime, 0, total)
  player.changed('time')
  requestAnimationFrame(tick)
}

/** Reads the bytes of a blob. */
const ofBlob = (blob) => (from, to) => blob.slice(from, to).arrayBuffer()

/** Reads ranges of a file that a server gives. */
const ofServer = (url) => async (from, to) => {
  const answer = await fetch(url, { headers: { Range: `bytes=${from}-${to - 1}` } })
  if (answer.status !== 206) throw new Error('the server gives no ranges')
  return answer.arrayBuffer()
}

/** Takes the mix from a blob: samples and muting become possible. */
async function useBlob(blob) {
  const samples = await Samples.open(ofBlob(blob))
  const fits = !mix || (samples.rate === mix.sampleRateHz && samples.channels === mix.channels)
  const length = (1000 * samples.frames) / samples.rate
  if (!fits || Math.abs(length - total) > 1000) throw new Error('not the mix of this call')
  if (!samples.read) await samples.decode(await blob.arrayBuffer())
  const { paused } = audio
  audio.src = URL.createObjectURL(blob)
  audio.addEventListener('loadedmetadata', () => {
    audio.currentTime = player.now / 1000
    if (!paused) audio.play()
  }, { once: true })
  player.samples = samples
  player.changed('samples')
}

/** Plays through one gain per channel, so that parties can be muted. */
function buildGraph() {
  if (player.graph || !player.samples || !splitMix) return
  const graph = new AudioContext()
  const source = graph.createMediaElementSource(audio)
  const splitter = graph.createChannelSplitter(data.peaks.channels)
  source.connect(splitter)
  player.gains = Array.from({ length: data.peaks.channels }, (_, channel) => {
    const gain = graph.createGain()
    splitter.connect(gain, channel)
    gain.connect(graph.destination)
    return gain
  })
  player.graph = graph
  if (!audio.paused) graph.resume()
}

function setMuted(at, muted) {
  if (muted) player.muted.add(at)
  else player.muted.delete(at)
  buildGraph()
  for (const party of parties) {
    if (player.gains[party.channel]) player.gains[party.channel].gain.value = player.muted.has(party.at) ? 0 : 1
  }
  player.changed('state')
}

/** Starts with what the page came with. */
async function startPlayer() {
  if (!playable) return
  audio.addEventListener('play', () => { player.changed('state'); tick() })
  // It stops where it is heard, which is past the last frame that told the time.
  audio.addEventListener('pause', () => { player.now = clamp(1000 * audio.currentTime, 0, total); player.changed('state') })
  audio.addEventListener('seeked', () => player.changed('time'))
  audio.addEventListener('ended', () => player.changed('state'))
  audio.addEventListener('error', () => player.changed('failed'))
  const embedded = byId('embedded-audio')
  try {
    if (embedded) return await useBlob(new Blob([bytesOf(embedded.textContent.trim())], { type: mix?.path.endsWith('.flac') ? 'audio/flac' : 'audio/wav' }))
    audio.src = data.audio
    if (location.protocol === 'file:') return
    player.samples = await Samples.open(ofServer(audio.src))
    player.changed('samples')
  } catch {
    // It plays all the same; samples come when the file is opened by hand.
  }
}
