// A call designed to show everything a page can: it does not change when detectors do.

const DURATION = 60000

/** Peaks of made waves: loud where a party speaks, faint elsewhere. */
function peaks(tracks) {
  const [perSecond, channels] = [100, tracks.length]
  const length = (DURATION / 1000) * perSecond
  const values = new Int8Array(2 * channels * length)
  for (let point = 0; point < length; point++) {
    for (let channel = 0; channel < channels; channel++) {
      const ms = (1000 * point) / perSecond
      const speaks = tracks[channel].speech.some((span) => span.startMs <= ms && ms < span.endMs)
      const sounds = tracks[channel].events.some((event) => event.startMs <= ms && ms < event.endMs)
      const height =
        (speaks ? 70 : sounds ? 30 : 2) * (0.55 + 0.45 * Math.sin(point * (0.7 + channel * 0.13)) * Math.sin(point / 9))
      values[2 * (point * channels + channel)] = -Math.abs(height)
      values[2 * (point * channels + channel) + 1] = Math.abs(height) * 0.9
    }
  }
  return { rate: 8000, samplesPerPoint: 80, channels, length, data: Buffer.from(values.buffer).toString('base64') }
}

const span = (from, to, more = {}) => ({ startMs: from * 1000, endMs: to * 1000, ...more })

function track(index, role, offset, speech, bleed, events) {
  return {
    index,
    role,
    party: null,
    source: {
      path: null,
      container: 'mp3',
      codec: 'mp3',
      sampleRateHz: 8000,
      channels: 1,
      bytes: 1000,
      sha256: String(index).repeat(64),
      durationMs: DURATION - offset - 1000 * index,
      codecDelayMs: 69.063,
      codecDelayBasis: 'assumed',
      warnings: [{ code: 'delay_unknown', message: 'codec delay unknown (no tag says it): 1105 samples assumed' }],
    },
    alignment: {
      offsetMs: offset,
      driftPpm: 3.2 * index,
      method: index ? 'bleed' : 'reference',
      confidence: index ? 0.91 : 1,
      uncertaintyMs: 60 * index,
      knots: [
        [0, offset],
        [1000, 1000 + offset],
      ],
    },
    level: {
      activeDbov: -22.5 - index,
      activityFactor: 0.4,
      truePeakDbtp: -3 - index,
      loudnessLufs: -23.1,
      noiseDbov: -64 + 3 * index,
      clippedSamples: 12 * index,
      gainDb: -3.5 + index,
    },
    speech,
    bleed,
    events,
  }
}

export function designed(change = {}) {
  const tracks = [
    track(
      0,
      'customer',
      0,
      [span(4, 9), span(15, 16), span(22, 31), span(45, 52)],
      [span(10, 14, { fromTrack: 1 }), span(33, 43, { fromTrack: 1 })],
      [
        { kind: 'ringback', ...span(0.5, 3.5), detail: 'th', confidence: 0.98 },
        { kind: 'dtmf', ...span(17, 17.2), detail: null, confidence: 0.99 },
        { kind: 'dtmf', ...span(18, 18.2), detail: null, confidence: 0.99 },
      ],
    ),
    track(
      1,
      'agent',
      3200,
      [span(9.5, 15.4), span(30, 43), span(51, 54)],
      [],
      [{ kind: 'music', ...span(18.5, 21.5), detail: null, confidence: 0.95 }],
    ),
  ]
  const report = {
    schemaVersion: 1,
    library: { name: 'callweave', version: '0.0.0' },
    config: { portable: true },
    configHash: 'c'.repeat(64),
    detector: { name: 'silero', version: '6.2' },
    call: { id: null, provider: 'threecx', direction: 'in', startedAt: '2026-05-20T07:11:46Z', durationMs: DURATION },
    tracks,
    turns: [
      span(4, 9, { track: 0 }),
      span(9.5, 15.4, { track: 1 }),
      span(22, 31, { track: 0 }),
      span(30, 43, { track: 1 }),
      span(45, 52, { track: 0 }),
    ],
    metrics: {
      byTrack: [
        { track: 0, talkMs: 22000, talkShare: 0.5, turns: 4, longestMonologueMs: 9000, firstSpeechMs: 4000 },
        { track: 1, talkMs: 21900, talkShare: 0.5, turns: 3, longestMonologueMs: 13000, firstSpeechMs: 9500 },
      ],
      speechMs: 41500,
      nonTalkMs: 12500,
      nonTalk: [span(0, 4), span(16, 22), span(54, 60)],
      overlapMs: 2400,
      interruptions: [span(30, 31, { by: 1 })],
      backchannels: 1,
      responseMs: { count: 4, mean: 700, median: 500, p95: 1900 },
      unavailable: null,
    },
    outcome: {
      value: 'conversation',
      confidence: 0.99,
      reasons: [
        { code: 'speech_total', measured: 43900, limit: 3000, unit: 'ms', message: 'total speech' },
        { code: 'exchanges', measured: 5, limit: 2, unit: 'count', message: 'changes of speaker' },
      ],
    },
    tag: { value: 'normal', from: 'conversation' },
    integrity: [],
    redacted: [],
    warnings: [{ code: 'path_delay_assumed', message: 'track 1: heard one way only: 30 ms are taken for the path' }],
    outputs: [{ kind: 'mix', path: 'mix.wav', sampleRateHz: 8000, channels: 2, sha256: 'a'.repeat(64) }],
    ...change,
  }
  const data = {
    report,
    speakers: report.tracks.map((one) => one.role),
    peaks: { ...peaks(tracks), tracks: [0, 1] },
    split: true,
    audio: 'mix.wav',
  }
  return data
}
