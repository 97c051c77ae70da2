// Makes a record's body and mix of a session that is complete.
import { createHash } from 'node:crypto'
import { access, mkdir, open, rm, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { CallweaveError, processCall, provider } from 'callweave'
import { Gone, Later, Refused, download, steps } from 'callweave/client'
import { Refusal } from './asks.mjs'

const { mcloud } = provider
const hashed = (text) => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** A call that no record can be made of: `reason` is a stable code. */
export class Unpostable extends Error {
  constructor(reason, cause) {
    super(reason, { cause })
    this.reason = reason
  }
}

/** Where the recordings of a session are kept while it waits or is worked on. */
export const tracksOf = (settings, key) => join(settings.folder, 'tracks', hashed(key))

/**
 * Fetches the recordings, processes the call, writes its mix: `body`, `audio`, the `mix` on disk,
 * the `file` that it is for the upload once it is put there, and why some recordings are `missing`.
 * Rejects with `Unpostable`; with `Later` where a recording cannot be had for now: half a call is
 * not posted as a whole one; with `Refusal` of a provider's key; and with what fails here, such as
 * a full disk.
 */
export async function made(settings, row, document) {
  const described = provider[row.provider](document)
  const direction = described.call.direction ?? settings.directions[row.provider]
  if (direction !== 'in' && direction !== 'out') {
    throw new Unpostable(direction === 'internal' ? 'internal_call' : 'direction_unknown')
  }
  const { audio, missing } = await fetched(settings, row, described)
  if (Object.keys(audio).length === 0) throw new Unpostable(missing[0] ?? 'no_recording')
  const call = described.withAudio(audio)
  const folder = join(tracksOf(settings, row.key), 'out')
  await rm(folder, { recursive: true, force: true })
  const processed = await processedOf(call)
  missing.push(...unread(call, processed.report))
  const report = await processed.write(folder)
  const body = mcloud.createBody(report, {
    call,
    direction,
    ...settings.dialled,
    utcOffset: settings.utcOffset,
    note: noteOf(report, missing),
  })
  const kept = await keep(settings, join(folder, report.outputs[0].path), report.outputs[0].sha256, body.dataId)
  return { body, missing, ...kept }
}

/** What came of the call, for people. */
function noteOf(report, missing) {
  const voices = report.tracks.reduce((sum, track) => sum + (track.voices?.length ?? 0), 0)
  const parts = [`outcome: ${report.outcome.value}`]
  if (voices > 0) parts.push(`voices: ${voices}`)
  if (missing.length > 0) parts.push(`recordings missing: ${missing.length}`)
  return parts.join('; ')
}

/**
 * The call, processed. A file that the system does not read is no fault of the call's: that is told
 * as a full disk is.
 */
async function processedOf(call) {
  try {
    return await processCall(call, { strict: false })
  } catch (error) {
    if (error instanceof CallweaveError && error.code !== 'io') throw new Unpostable(error.code, error)
    throw error
  }
}

/** Why recordings that are here could not be read. */
function unread(call, report) {
  const broken = report.tracks.filter((track) => track.error).map((track) => track.error.code)
  // A recording without audio is a track with an error too, and has its own reason already.
  for (const { code } of call.missing) {
    if (broken.includes(code)) broken.splice(broken.indexOf(code), 1)
  }
  if (broken.includes('io')) throw Object.assign(new Error('a recording cannot be read'), { code: 'io' })
  return broken
}

/** The recordings on disk, and why others are missing. */
async function fetched(settings, row, call) {
  const folder = tracksOf(settings, row.key)
  await mkdir(folder, { recursive: true })
  const audio = {}
  const missing = []
  for (const recording of call.recordings) {
    let reason = 'no_address'
    let later = null
    let found = false
    for (const { key, request, judged, guard } of addresses(settings, row, recording)) {
      const path = join(folder, hashed(key))
      try {
        if (!(await exists(path))) {
          const policy = settings.policy ?? { budgetMs: 20_000 }
          const headers = Object.fromEntries(request.headers)
          await download(request.url, path, { guard, headers, policy, ...judged })
        }
        audio[key] = path
        found = true
        break
      } catch (error) {
        if (error instanceof Later) later = error
        else if (error instanceof Gone && steps.needsAnotherKey(error.reason)) throw new Refusal(error.reason)
        else if (error instanceof Gone) reason = error.reason
        else if (error instanceof Refused) reason = 'address_refused'
        else throw error
      }
    }
    if (!found && later) throw later
    if (!found) missing.push(reason)
  }
  return { audio, missing }
}

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  )

/**
 * Under which key the audio is known, the request for it, how its answer is judged, and what guards
 * it.
 */
function addresses(settings, row, recording) {
  const { recordingId: id } = recording.leg
  const { wellcloud, voipbin, anywhere: guard, tracks } = settings
  const sinceMs = row.seenMs
  if (recording.state === 'failed') return []
  try {
    if (row.provider === 'wellcloud' && id && wellcloud) {
      const request = steps.wellcloudRequest({ endpoint: 'audio', id, api: wellcloud })
      return [{ key: id, request, judged: { of: 'wellcloud', sinceMs }, guard }]
    }
    if (row.provider === 'voipbin' && id && voipbin) {
      const request = steps.voipbinRequest({ endpoint: 'recordingFile', id, api: voipbin })
      return [{ key: id, request, judged: { of: 'voipbin' }, guard }]
    }
  } catch (error) {
    // An id that no path can hold.
    if (error instanceof CallweaveError) return []
    throw error
  }
  const judged = { of: 'audio', sinceMs }
  return recording.urls.map((url) => ({ key: url, request: { url, headers: [] }, judged, guard: tracks }))
}

/** The mix on disk, its place for the upload, and what is uploaded. */
async function keep(settings, mix, sha256, dataId) {
  const out = await open(mix, 'r+')
  const head = Buffer.alloc(4096)
  try {
    await out.read(head, 0, head.length, 0)
    await out.sync()
  } finally {
    await out.close()
  }
  await mkdir(join(settings.folder, 'mixes'), { recursive: true })
  const file = join(settings.folder, 'mixes', `${dataId}-${sha256.slice(0, 16)}${extname(mix)}`)
  return { mix, file, audio: { sha256, bytes: (await stat(mix)).size, contentType: steps.contentType(head) } }
}
