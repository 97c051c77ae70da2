// Recordings are uploaded, their report comes back, and the mix is streamed as it is made.
//
//     npm install fastify @fastify/multipart callweave && node server.mjs
//     curl -F customer=@customer.mp3 -F agent=@agent.mp3 http://127.0.0.1:3000/calls
//     curl http://127.0.0.1:3000/calls/1/mix.flac > mix.flac

import multipart from '@fastify/multipart'
import { CallweaveError, processCall } from 'callweave'
import Fastify from 'fastify'

const ROLES = ['customer', 'agent']
/** Status codes of what callers do wrong. */
const STATUS = { malformed: 422, unsupported: 415, no_audio: 422, invalid_argument: 400, limit_exceeded: 413 }

export function build() {
  const app = Fastify()
  /** Calls in memory: the last few, for their mixes. */
  const calls = new Map()
  let count = 0
  app.register(multipart, { limits: { files: 2, fileSize: 512 << 20 } })

  app.post('/calls', async (request) => {
    const gone = new AbortController()
    request.raw.once('close', () => request.raw.complete || gone.abort(new Error('the client has gone')))
    const inputs = []
    // Each file is read to its end before the next begins to come: a body has one order.
    for await (const part of request.files()) {
      const source = await part.toBuffer()
      inputs.push({ source, name: part.filename, role: ROLES.includes(part.fieldname) ? part.fieldname : 'unknown' })
    }
    const call = await processCall(inputs, { signal: gone.signal })
    count += 1
    const id = String(count)
    calls.set(id, call)
    if (calls.size > 16) {
      const [oldest, old] = calls.entries().next().value
      calls.delete(oldest)
      old[Symbol.dispose]()
    }
    return { id, report: call.report }
  })

  app.get('/calls/:id/mix.flac', (request, reply) => {
    const call = calls.get(request.params.id)
    if (!call) return reply.code(404).send({ error: 'no such call' })
    return reply.type('audio/flac').send(call.mixStream({ format: 'flac' }))
  })

  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof CallweaveError ? (STATUS[error.code] ?? 500) : (error.statusCode ?? 500)
    reply.code(status).send({ error: error.message, code: error.code })
  })
  return app
}

if (process.argv[1] === import.meta.filename) await build().listen({ port: 3000 })
