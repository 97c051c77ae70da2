'use strict'

// Sends one request of the core's and gives the answer as the core takes it.

const { createReadStream } = require('node:fs')
const { stat } = require('node:fs/promises')
const http = require('node:http')
const https = require('node:https')
const { pipeline } = require('node:stream/promises')
const steps = require('./steps.cjs')
const { Refused } = require('./guard.cjs')

const LARGEST_ANSWER = 16 * 2 ** 20
const IDLE_MS = 30_000

/** A connection that failed, broke off or took too long. */
const FAILED = Object.freeze({ status: null, retryAfter: null, body: '' })

/** Opens a request and gives its answer, whose body is still to be read. With a guard, at the address that was checked. */
async function open(method, url, headers, { guard, file, body, signal }) {
  const pinned = guard ? await guard.address(url) : null
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
  })
  answer.catch(() => {})
  if (file) await pipeline(createReadStream(file), request)
  else request.end(body ?? undefined)
  return answer
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
 * Sends a request as `steps` gives it, once. A file is streamed with its length, within a time by its size. With a `guard`
 * the address is checked: that of an upload comes in an answer.
 */
async function send(request, { file, guard } = {}) {
  const headers = Object.fromEntries(request.headers)
  const size = request.file ? (await stat(file)).size : Buffer.byteLength(request.body ?? '')
  if (request.file || request.body !== null) headers['Content-Length'] = size
  else if (request.method !== 'GET') headers['Content-Length'] = 0
  const signal = AbortSignal.timeout(steps.transferLimit(size))
  try {
    const how = { guard, file: request.file ? file : undefined, body: request.body, signal }
    const answer = await open(request.method, new URL(request.url), headers, how)
    const body = await textOf(answer)
    return { status: answer.statusCode, retryAfter: answer.headers['retry-after'] ?? null, body }
  } catch (error) {
    if (error instanceof Refused) throw error
    return FAILED
  }
}

module.exports = { FAILED, open, send }
