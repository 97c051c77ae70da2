'use strict'

// Fetches a recording to a file: resumed by range, checked by length, never from where the guard does not let it.

const { createHash } = require('node:crypto')
const { open: openFile, readFile, rename, rm, stat, writeFile } = require('node:fs/promises')
const { basename } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const steps = require('./steps.cjs')
const { Guard, Refused } = require('./guard.cjs')
const { FAILED, open } = require('./send.cjs')

/** The file cannot be had now; it can be asked for again after `waitMs`. */
class Later extends Error {
  name = 'Later'
  constructor(waitMs) {
    super(`to be asked for again in ${waitMs} ms`)
    this.waitMs = waitMs
  }
}

/** The file cannot be had, and never will: `reason` is a stable code. */
class Gone extends Error {
  name = 'Gone'
  constructor(reason) {
    super(reason)
    this.reason = reason
  }
}

/** A try that did not bring the whole file. */
class Broken extends Error {}

const KEYS = new Set(['authorization', 'cookie'])

class Transfer {
  constructor(url, path, guard, headers) {
    Object.assign(this, { first: new URL(url), path, guard, own: headers, part: `${path}.part` })
    this.notes = `${path}.part.json`
  }

  /** The headers of a try, which goes on where the one before ended if the server can tell that it may. */
  async begin() {
    const headers = { ...this.own, 'Accept-Encoding': 'identity' }
    try {
      const notes = JSON.parse(await readFile(this.notes, 'utf8'))
      const { size } = await stat(this.part)
      if (size && notes.validator && notes.path === this.first.pathname) {
        Object.assign(headers, { Range: `bytes=${size}-`, 'If-Range': notes.validator })
      }
    } catch {
      // Nothing is there yet.
    }
    return headers
  }

  async forget() {
    await rm(this.part, { force: true })
    await rm(this.notes, { force: true })
  }

  /** One try: the answer's status, the file in its place where that is a success. */
  async tried() {
    let url = this.first
    let headers = await this.begin()
    for (let redirects = 0; ; redirects++) {
      if (redirects > this.guard.maxRedirects) throw new Refused('too many redirects')
      const abort = new AbortController()
      const answer = await open('GET', url, headers, { guard: this.guard, signal: abort.signal })
      try {
        const { statusCode: status, headers: said } = answer
        if ([301, 302, 303, 307, 308].includes(status) && said.location) {
          const there = new URL(said.location, url)
          if (there.origin !== url.origin) {
            headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !KEYS.has(name.toLowerCase())))
          }
          url = there
          continue
        }
        if (status === 200 || status === 206) await this.keep(answer, abort)
        return { status, retryAfter: said['retry-after'] ?? null, body: '' }
      } finally {
        answer.destroy()
      }
    }
  }

  /** Writes the body of an answer, from the start or behind what is there, and puts the whole file in its place. */
  async keep(answer, abort) {
    const { statusCode: status, headers } = answer
    let size = 0
    if (status === 206) {
      size = (await stat(this.part)).size
      if (!(headers['content-range'] ?? '').startsWith(`bytes ${size}-`)) {
        await this.forget()
        throw new Broken('another range than the one asked for')
      }
    }
    const length = /^\d+$/.test(headers['content-length'] ?? '') ? Number(headers['content-length']) : null
    const total = length === null ? null : size + length
    if (total !== null && total > this.guard.maxBytes) throw new Refused(`more than ${this.guard.maxBytes} bytes`)
    const strong = headers.etag && !headers.etag.startsWith('W/') ? headers.etag : headers['last-modified']
    await writeFile(this.notes, JSON.stringify({ path: this.first.pathname, validator: strong ?? '' }))
    const out = await openFile(this.part, status === 206 ? 'a' : 'w')
    const started = Date.now()
    try {
      for await (const chunk of answer) {
        await out.writeFile(chunk)
        size += chunk.length
        if (size > this.guard.maxBytes) throw new Refused(`more than ${this.guard.maxBytes} bytes`)
        if (Date.now() - started > steps.transferLimit(total ?? size)) abort.abort()
      }
      if (total !== null && size !== total) throw new Broken(`${size} bytes of ${total}`)
      await out.sync()
    } finally {
      await out.close()
    }
    await rename(this.part, this.path)
    await rm(this.notes, { force: true })
  }
}

/**
 * Fetches a file. It stands at `path` once it is whole and on disk, never before. A try that breaks off is gone on with by
 * range where the server names its file (`ETag`, `Last-Modified`). Headers with keys do not follow a redirect to another
 * host. Rejects with `Gone`, `Later` (tries go on for as long as `policy` says) or `Refused`.
 */
async function download(url, path, { guard = new Guard(), headers = {}, of = 'audio', sinceMs, policy } = {}) {
  if (!URL.canParse(url)) throw new Refused('no address')
  const transfer = new Transfer(url, path, guard, headers)
  let retries = { seed: createHash('sha256').update(basename(path)).digest().readUInt32BE(0) }
  for (;;) {
    let answer = await transfer.tried().catch((error) => {
      if (error instanceof Refused) throw error
      return FAILED
    })
    if (answer.status === 416) {
      // The part is no longer one of the file, or all of it: the next try begins anew.
      await transfer.forget()
      answer = FAILED
    }
    const nowMs = Date.now()
    const judgement = steps.judge({ of, answer, nowMs, sinceMs })
    const tried = steps.nextTry({ retries, judgement, nowMs, policy })
    retries = tried.retries
    const { next, waitMs, reason } = tried.next
    if (next === 'done') return path
    if (next === 'rest') throw new Later(waitMs)
    if (next !== 'wait') {
      await transfer.forget()
      throw new Gone(reason ?? 'refused')
    }
    await sleep(waitMs)
  }
}

module.exports = { Gone, Later, download }
