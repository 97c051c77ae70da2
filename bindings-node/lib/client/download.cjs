'use strict'

// Fetches a recording to a file: resumed by range, checked by length, never from where the guard
// does not let it.

const { createHash } = require('node:crypto')
const { open: openFile, readFile, rename, rm, stat, writeFile } = require('node:fs/promises')
const { basename } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const steps = require('./steps.cjs')
const { Guard, Refused } = require('./guard.cjs')
const { Broken, FAILED, open, over, parsed } = require('./send.cjs')

/** The file cannot be had now; it can be asked for again after `waitMs`. */
class Later extends Error {
  name = 'Later'
  constructor(waitMs) {
    super(`to be asked for again in ${waitMs} ms`)
    this.waitMs = waitMs
  }
}

/**
 * The file cannot be had, and never will: `reason` is a stable code. A refusal of the key
 * (`steps.needsAnotherKey`) ends with another key.
 */
class Gone extends Error {
  name = 'Gone'
  constructor(reason) {
    super(reason)
    this.reason = reason
  }
}

/** By so many bytes a text is told from audio. */
const HEAD = 512
const LARGEST_TEXT = 64 << 10

/** `Content-Range` of a part that says how long the whole file is. */
const PART = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/

/** By what the server names its file: a strong `ETag`, else `Last-Modified`. */
const validatorOf = ({ etag, 'last-modified': modified }) => (etag && !etag.startsWith('W/') ? etag : (modified ?? ''))

const answered = ({ statusCode: status, headers }, body = '') => ({
  status,
  retryAfter: headers['retry-after'] ?? null,
  body,
})

/**
 * The time that a connection has, by what is known of its size; what is not done by then is ended.
 */
class Clock {
  #abort = new AbortController()
  #startedMs = performance.now()
  #timer = null

  get signal() {
    return this.#abort.signal
  }

  /** So many bytes are to be there by their time. */
  allow(bytes) {
    this.end()
    const leftMs = this.#startedMs + steps.transferLimit(bytes) - performance.now()
    this.#timer = setTimeout(() => this.#abort.abort(new Broken('not done within its time')), leftMs)
  }

  end() {
    clearTimeout(this.#timer)
  }
}

class Transfer {
  constructor(url, path, guard, headers) {
    Object.assign(this, { first: parsed(url), path, guard, own: headers, part: `${path}.part` })
    this.notes = `${path}.part.json`
  }

  /**
   * The headers of a try that goes on where the one before ended, if the server can tell that it
   * may.
   */
  async ranges() {
    try {
      const notes = JSON.parse(await readFile(this.notes, 'utf8'))
      const { size } = await stat(this.part)
      if (size && notes.validator && notes.path === this.first.pathname) {
        return { Range: `bytes=${size}-`, 'If-Range': notes.validator }
      }
    } catch {
      // Nothing is there yet.
    }
    return {}
  }

  async forget() {
    await rm(this.notes, { force: true })
    await rm(this.part, { force: true })
  }

  /** One try: the answer, and the file in its place where that is a success. */
  async tried() {
    let url = this.first
    let own = this.own
    const ranges = await this.ranges()
    for (let redirects = 0; redirects <= this.guard.maxRedirects; redirects++) {
      const clock = new Clock()
      clock.allow(0)
      let answer
      try {
        const headers = { ...own, ...ranges, 'Accept-Encoding': 'identity' }
        answer = await open('GET', url, headers, { guard: this.guard, signal: clock.signal })
        const { statusCode: status, headers: said } = answer
        if (![301, 302, 303, 307, 308].includes(status) || !said.location) {
          return await this.taken(answer, url, ranges, clock)
        }
        const there = parsed(said.location, url)
        // What else the caller sends is for who was asked: keys in it are for nobody else, nor for
        // an open line.
        if (there.origin !== url.origin) own = {}
        url = there
      } finally {
        clock.end()
        answer?.destroy()
      }
    }
    throw new Refused('too many redirects')
  }

  async taken(answer, url, ranges, clock) {
    const status = answer.statusCode
    // An address that is no longer valid: who gave it gives another.
    if ([401, 403].includes(status) && url.origin !== this.first.origin) return FAILED
    if (status !== 200 && status !== 206) return answered(answer)
    return await this.keep(answer, await this.extent(answer, ranges), clock)
  }

  /**
   * Where in the file the body of an answer begins, and how long the whole file is; null where that
   * is not said.
   */
  async extent({ statusCode, headers }, ranges) {
    if (statusCode === 200) {
      const length = headers['content-length'] ?? ''
      return { start: 0, total: /^\d{1,15}$/.test(length) ? Number(length) : null }
    }
    const asked = ranges.Range?.slice('bytes='.length) ?? 'none'
    const [, start, last, total] = PART.exec(headers['content-range'] ?? '') ?? []
    const another = !['', ranges['If-Range']].includes(validatorOf(headers))
    if (another || `${start}-` !== asked || Number(start) > Number(last) || Number(last) >= Number(total)) {
      await this.forget()
      throw new Broken('another range than the one asked for')
    }
    return { start: Number(start), total: Number(total) }
  }

  /**
   * Writes the body, from the start or behind what is there, and puts the whole file in its place.
   * A body that ends before the file does is one that broke off.
   */
  async keep(answer, { start, total }, clock) {
    await this.check(total ?? 0, null)
    const blocks = answer[Symbol.asyncIterator]()
    const read = async () => {
      const { value } = await over(blocks.next())
      // What was ended looks like what came to its end.
      if (clock.signal.aborted) throw clock.signal.reason
      return value
    }
    const head = start === 0 ? await headOf(read, HEAD) : Buffer.alloc(0)
    if (start === 0 && steps.isText(head.subarray(0, HEAD))) {
      return answered(answer, (await headOf(read, LARGEST_TEXT, head)).toString('utf8'))
    }
    const out = await this.opened(answer.headers, start)
    try {
      let size = start
      for (let block = head; block !== undefined; block = await read()) {
        await out.writeFile(block)
        size += block.length
        await this.check(size, total)
        clock.allow(total ?? size)
      }
      if (total !== null && size < total) throw new Broken(`${size} bytes of ${total}`)
      await out.sync()
    } finally {
      await out.close()
    }
    await rename(this.part, this.path)
    await rm(this.notes, { force: true })
    return answered(answer)
  }

  /**
   * The file that the body goes to. What is noted of it is at no moment another file's: the note
   * goes before the old bytes do, and the new one comes behind that.
   */
  async opened(headers, start) {
    if (start > 0) return await openFile(this.part, 'a')
    await rm(this.notes, { force: true })
    const out = await openFile(this.part, 'w')
    await writeFile(`${this.notes}.new`, JSON.stringify({ path: this.first.pathname, validator: validatorOf(headers) }))
    await rename(`${this.notes}.new`, this.notes)
    return out
  }

  /** Ends what is too large, and what is more than it says. */
  async check(size, total) {
    if (size > this.guard.maxBytes) {
      await this.forget()
      throw new Refused(`more than ${this.guard.maxBytes} bytes`)
    }
    if (total !== null && size > total) {
      await this.forget()
      throw new Broken(`more than ${total} bytes`)
    }
  }
}

/** The blocks that come first, behind what is there, until there are so many bytes. */
async function headOf(read, bytes, before = Buffer.alloc(0)) {
  const blocks = [before]
  let size = before.length
  while (size < bytes) {
    const block = await read()
    if (block === undefined) break
    blocks.push(block)
    size += block.length
  }
  return Buffer.concat(blocks)
}

/**
 * Fetches a file. It stands at `path` once it is whole and on disk, never before. A try that breaks
 * off is gone on with by range where the server names its file (`ETag`, `Last-Modified`); so is one
 * that brings less than the whole file. Each connection has 30 s up to its first bytes, 30 s for
 * each read, and a time by the file's size for all of it (`steps.transferLimit`). `headers` do not
 * follow a redirect to another host, port or scheme. A text where audio should be (a page, an error
 * as JSON) is a refusal. Rejects with `Gone`, `Later` (tries go on for as long as `policy` says),
 * `Refused`, and with the file's own error where it cannot be written.
 */
async function download(url, path, { guard = new Guard(), headers = {}, of = 'audio', sinceMs, policy } = {}) {
  const transfer = new Transfer(url, path, guard, headers)
  let retries = { seed: createHash('sha256').update(basename(path)).digest().readUInt32BE(0) }
  for (;;) {
    let answer = await transfer.tried().catch((error) => {
      if (error instanceof Broken) return FAILED
      throw error
    })
    if (answer.status === 416) {
      // The part is no longer one of the file, or all of it: the next try begins anew.
      await transfer.forget()
      answer = FAILED
    }
    const nowMs = Date.now()
    const judgement = steps.judge({ of, answer, nowMs, sinceMs, file: true })
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
