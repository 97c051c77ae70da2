// The waveform at every zoom: peaks that came with the page, ever coarser ones made of them, and the samples
// themselves where the mix's file can be read.

/** Points of the finer level per coarser one. */
const STEP = 4

/** Bytes of a base64 text. */
function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text)
  const raw = atob(text)
  const bytes = new Uint8Array(raw.length)
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i)
  return bytes
}

/** Each channel’s levels: pairs of least and greatest, in [-128, 127]. */
const pyramids = (() => {
  const values = new Int8Array(bytesOf(data.peaks.data).buffer)
  const { channels, length } = data.peaks
  return Array.from({ length: channels }, (_, channel) => {
    const finest = new Int8Array(2 * length)
    for (let i = 0; i < length; i++) {
      finest[2 * i] = values[2 * (i * channels + channel)]
      finest[2 * i + 1] = values[2 * (i * channels + channel) + 1]
    }
    const pyramid = [finest]
    while (pyramid.at(-1).length > 2048) pyramid.push(coarser(pyramid.at(-1)))
    return pyramid
  })
})()

function coarser(fine) {
  const points = fine.length / 2
  const made = new Int8Array(2 * Math.ceil(points / STEP))
  for (let i = 0; i < made.length / 2; i++) {
    let [least, most] = [127, -128]
    for (let j = i * STEP; j < Math.min(points, (i + 1) * STEP); j++) {
      if (fine[2 * j] < least) least = fine[2 * j]
      if (fine[2 * j + 1] > most) most = fine[2 * j + 1]
    }
    made[2 * i] = least
    made[2 * i + 1] = most
  }
  return made
}

/** Milliseconds of one point of the finest level. */
const pointMs = (1000 * data.peaks.samplesPerPoint) / data.peaks.rate

/** What full height is worth: the loudest of all parties, so that they stay comparable. */
const loudest = (() => {
  let most = 8
  for (const pyramid of pyramids) for (const value of pyramid.at(-1)) most = Math.max(most, Math.abs(value))
  return most
})()

/** Least and greatest of a channel in each of `count` columns from `start` on, in shares of the loudest. */
function columns(channel, start, msPerColumn, count) {
  const found = new Float32Array(2 * count)
  const wide = msPerColumn / pointMs
  let level = 0
  while (level + 1 < pyramids[channel].length && STEP ** (level + 1) <= wide) level++
  const points = pyramids[channel][level]
  const perPoint = pointMs * STEP ** level
  for (let column = 0; column < count; column++) {
    const from = Math.max(0, Math.floor((start + column * msPerColumn) / perPoint))
    const to = Math.min(points.length / 2, Math.max(from + 1, Math.ceil((start + (column + 1) * msPerColumn) / perPoint)))
    let [least, most] = [0, 0]
    for (let i = from; i < to; i++) {
      if (points[2 * i] < least) least = points[2 * i]
      if (points[2 * i + 1] > most) most = points[2 * i + 1]
    }
    found[2 * column] = least / loudest
    found[2 * column + 1] = most / loudest
  }
  return found
}

/** The mix's samples: 16-bit PCM, read piece by piece. */
class Samples {
  /** @param read gives the bytes from one place up to another, as a promise of an ArrayBuffer. */
  constructor(read, header) {
    this.read = read
    Object.assign(this, header)
    this.piece = null
    this.wanted = null
  }

  static async open(read) {
    const head = new DataView(await read(0, 65536))
    const word = (at) => String.fromCharCode(...[0, 1, 2, 3].map((i) => head.getUint8(at + i)))
    if (head.byteLength < 44 || word(0) !== 'RIFF' || word(8) !== 'WAVE') throw new Error('not a wav file')
    const header = {}
    for (let at = 12; at + 8 <= head.byteLength; at += 8 + head.getUint32(at + 4, true)) {
      if (word(at) === 'fmt ') {
        if (head.getUint16(at + 8, true) !== 1 || head.getUint16(at + 22, true) !== 16) throw new Error('not 16-bit PCM')
        header.channels = head.getUint16(at + 10, true)
        header.rate = head.getUint32(at + 12, true)
      }
      if (word(at) === 'data') {
        header.first = at + 8
        header.frames = Math.floor(head.getUint32(at + 4, true) / (2 * header.channels))
        return new Samples(read, header)
      }
    }
    throw new Error('a wav file without samples')
  }

  /** The frames that lie between two times and are at hand: `{first, frames}`, or null while they are read. */
  between(start, end, ready) {
    const first = clamp(Math.floor((start / 1000) * this.rate) - 1, 0, this.frames)
    const last = clamp(Math.ceil((end / 1000) * this.rate) + 2, first, this.frames)
    const has = (piece) => piece && piece.first <= first && last <= piece.last
    if (has(this.piece)) return this.piece
    if (!has(this.wanted)) this.fetch(first, last, ready)
    return null
  }

  async fetch(first, last, ready) {
    const margin = last - first
    const wanted = { first: Math.max(0, first - margin), last: Math.min(this.frames, last + margin) }
    this.wanted = wanted
    const frame = 2 * this.channels
    try {
      const bytes = await this.read(this.first + wanted.first * frame, this.first + wanted.last * frame)
      wanted.values = new Int16Array(bytes.slice(0, bytes.byteLength - (bytes.byteLength % frame)))
      wanted.last = wanted.first + wanted.values.length / this.channels
      if (this.wanted === wanted) this.piece = wanted
    } catch {
      // The peaks stay on the screen.
    }
    if (this.wanted === wanted) this.wanted = null
    if (this.piece === wanted) ready()
  }
}
