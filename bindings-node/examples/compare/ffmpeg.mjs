// The same with ffmpeg: ffprobe for the lengths, ffmpeg for the mix, its standard error for
// silences and loudness. Both recordings are taken to begin together, and whatever is not silent
// for speech. Usage: node ffmpeg.mjs CUSTOMER AGENT FOLDER

import { spawn } from 'node:child_process'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ROLES = ['customer', 'agent']
const SILENCE = { noise: '-50dB', seconds: 0.5 }

/** Runs a program; what it printed. Each line of its standard error is handed on. */
function run(command, args, onLine = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const printed = []
    const last = []
    child.stdout.on('data', (chunk) => printed.push(chunk))
    createInterface({ input: child.stderr }).on('line', (line) => {
      last.push(line)
      if (last.length > 5) last.shift()
      onLine(line)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(printed).toString())
      else reject(new Error(`${command} ended with ${signal ?? code}: ${last.join(' | ')}`))
    })
  })
}

/** Length and rate of a recording, as its header has them. */
async function probe(path) {
  const entries = ['-select_streams', 'a:0', '-show_entries', 'format=duration:stream=sample_rate']
  const { format, streams } = JSON.parse(await run('ffprobe', ['-v', 'error', ...entries, '-of', 'json', path]))
  if (!streams?.[0] || !(format.duration > 0)) throw new Error(`${path}: no audio`)
  return { seconds: Number(format.duration), rate: Number(streams[0].sample_rate) }
}

/** What ffmpeg's filters say while they work. */
class Listener {
  silences = ROLES.map(() => [])
  loudness = null

  hear(line) {
    const start = /channel: (\d) \| silence_start: (-?[\d.]+)/.exec(line)
    if (start) this.silences[start[1]].push({ start: Math.max(0, Number(start[2])), end: null })
    const end = /channel: (\d) \| silence_end: ([\d.]+)/.exec(line)
    if (end) this.silences[end[1]].at(-1).end = Number(end[2])
    const loudness = /^\s+I:\s+(-?[\d.]+) LUFS/.exec(line)
    if (loudness) this.loudness = Number(loudness[1])
  }
}

/**
 * Decodes both recordings, lays them side by side in a wav, and listens for silences and loudness.
 */
async function mix(paths, { seconds, rate }, output) {
  const alike = `aresample=${rate},aformat=sample_fmts=s16:channel_layouts=mono,apad=whole_dur=${seconds}`
  const side = `[0:a]${alike}[a];[1:a]${alike}[b];[a][b]join=inputs=2:channel_layout=stereo`
  const ears = `silencedetect=noise=${SILENCE.noise}:d=${SILENCE.seconds}:mono=1,ebur128=framelog=verbose`
  const inputs = paths.flatMap((path) => ['-i', path])
  const listener = new Listener()
  const how = ['-nostdin', '-hide_banner', '-nostats', '-y', ...inputs, '-filter_complex', `${side},${ears}`]
  await run('ffmpeg', [...how, '-ar', String(rate), '-c:a', 'pcm_s16le', '-f', 'wav', output], (line) =>
    listener.hear(line),
  )
  return listener
}

/** The stretches that are not silent. */
function sounds(silences, seconds) {
  const out = []
  let from = 0
  for (const { start, end } of [...silences, { start: seconds, end: seconds }]) {
    if (start > from) out.push({ start: from, end: start })
    from = end ?? seconds
  }
  return out
}

const [customer, agent, folder] = process.argv.slice(2)
await mkdir(folder, { recursive: true })
const probes = await Promise.all([customer, agent].map(probe))
const seconds = Math.max(...probes.map((each) => each.seconds))
const rate = Math.max(...probes.map((each) => each.rate))
const unfinished = join(folder, 'mix.wav.part')
try {
  const { silences, loudness } = await mix([customer, agent], { seconds, rate }, unfinished)
  await rename(unfinished, join(folder, 'mix.wav'))
  const tracks = ROLES.map((role, i) => ({ role, seconds: probes[i].seconds, sounds: sounds(silences[i], seconds) }))
  await writeFile(join(folder, 'report.json'), JSON.stringify({ seconds, rate, loudness, tracks }))
  for (const track of tracks) console.log(track.role, track.seconds, track.sounds.length)
  console.log(loudness)
} finally {
  await rm(unfinished, { force: true })
}
