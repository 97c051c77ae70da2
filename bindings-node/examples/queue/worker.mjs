// A worker that takes calls from a queue: few at a time, each acknowledged when its report is
// stored, poison put aside, and a stop that loses nothing.
//
// `queue` is whatever you have (BullMQ, SQS, RabbitMQ): `receive()` gives `{ id, inputs }` or null
// at the end, `done(job)` and `failed(job, error)` settle it. What is not settled when the worker
// stops is delivered again.

import { processBatch } from 'callweave'

/** Codes of errors that trying again does not mend. */
const POISON = new Set(['malformed', 'unsupported', 'no_audio', 'invalid_argument', 'limit_exceeded'])

export async function work(queue, store, { signal, threads } = {}) {
  const jobs = []
  async function* calls() {
    for (;;) {
      const job = await queue.receive()
      if (job === null) return
      jobs.push(job)
      yield job.inputs
    }
  }
  for await (const { report, error } of processBatch(calls(), { signal, threads, tracks: false })) {
    const job = jobs.shift()
    if (!error) {
      await store(job.id, report)
      await queue.done(job)
    } else {
      await queue.failed(job, { message: error.message, retry: !POISON.has(error.code) })
    }
  }
}
