'use strict'

// Sends one request of the core's and gives the answer as the core takes it.

const { createReadStream } = require('node:fs')
const { stat } = require('node:fs/promises')
const http = require('node:http')
const https = require('node:https')
const { setImmediate: poll } = require('node:timers/promises')
const { unlessAborted } = require('../abort.cjs')
const steps = require('./steps.cjs')
const { Refused } = require('./guard.cjs')

const LARGEST_ANSWER = 16 * 2 ** 20
const IDLE_MS = 30_000

/** A connection that failed, broke off or took too long. */
const FAILED = Object.freeze({ status: null, retryAfter: null, body: '' })

/** What a connection fails with; its cause says how. */
class Broken extends Error {
  name = 'Broken'
}

/**
 * Waits for what comes over a connection; whatever fails on the way is a connection that failed.
 */
async function over(connection) {
  try {
    return await connection
  } catch (error) {
    if (error instanceof Refused) throw error
    throw new Broken('the connection failed', { cause: error })
  }
}

/** The URL of a text that comes from outside. */
function parsed(text, base) {
  if (!URL.canParse(text, base)) throw new Refused('no address')
  return new URL(text, base)
}

/**
 * Opens a request and gives its answer, whose body is still to be read. With a guard, at the
 * address that was checked. An answer that comes before a file is sent ends the sending. Rejects
 * with `Broken` where the connection fails, with `Refused`, and with the file's own error where
 * that cannot be read.
 */
async function open(method, url, headers, { guard, file, body, signal }) {
  const pinned = guard ? await over(unlessAborted(guard.address(url), signal)) : null
  const lookup =
    pinned &&
    ((_host, options, done) => (options.all ? done(null, [pinned]) : done(null, pinned.address, pinned.family)))
  const client = url.protocol === 'https:' ? https : http
  const options = { method, headers, signal, agent: false, timeout: IDLE_MS, ...(lookup && { lookup }) }
  const request = client.request(url, options)
  request.on('timeout', () => request.destroy(new Error('idle')))
  const answer = new Promise((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
    request.on('close', () => reject(new Error('closed')))
  })
  answer.catch(() => {})
  if (file) await sent(file, request, answer)
  else request.end(body ?? undefined)
  return over(answer)
}

/** Sends a file as far as it is taken: up to the answer, or the end of the connection. */
async function sent(file, request, answer) {
  let ended = false
  const end = () => {
    ended = true
  }
  answer.then(end, end)
  const source = createReadStream(file)
  try {
    for await (const chunk of source) {
      if (ended) return
      const taken = new Promise((resolve) => request.write(chunk, resolve))
      await Promise.race([taken, answer.then(end, end)])
      // An answer that is there is read before more is written, as writing to a closed connection
      // loses it.
      await poll()
    }
    if (!ended) request.end()
  } catch (error) {
    request.destroy()
    throw error
  }
}

async function textOf(answer) {
  const chunks = []
  let size = 0
  for await (const chunk of answer) {
    chunks.push(chunk)
    size += chunk.length
    if (size > LARGEST_ANSWER) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Sends a request as `steps` gives it, once. A file is streamed with its length. Request and answer
 * have a time by the file's size. With a `guard` the address is checked: that of an upload comes in
 * an answer. Rejects with `Refused` where it does not pass, and with the file's own error where
 * that cannot be read.
 */
async function send(request, { file, guard } = {}) {
  const headers = Object.fromEntries(request.headers)
  const size = request.file ? (await stat(file)).size : Buffer.byteLength(request.body ?? '')
  if (request.file || request.body !== null) headers['Content-Length'] = size
  else if (request.method !== 'GET') headers['Content-Length'] = 0
  const signal = AbortSignal.timeout(steps.transferLimit(size))
  try {
    const how = { guard, file: request.file ? file : undefined, body: request.body, signal }
    const answer = await open(request.method, parsed(request.url), headers, how)
    try {
      const body = await over(textOf(answer))
      // What was ended looks like what came to its end.
      if (signal.aborted) return FAILED
      return { status: answer.statusCode, retryAfter: answer.headers['retry-after'] ?? null, body }
    } finally {
      answer.destroy()
    }
  } catch (error) {
    if (error instanceof Broken) return FAILED
    throw error
  }
}

module.exports = { Broken, FAILED, open, over, parsed, send }
