'use strict'

// Whose turn it is. The package's work never has more threads than the machine has processors, so
// that one is soon free for the event loop; and it leaves one of libuv's threads to the rest of the
// process, for files and names of hosts.

const { onAbort, unlessAborted } = require('./abort.cjs')
const native = require('./native.cjs')

/** The most threads for one call. */
const MOST_THREADS = native.maxThreadsPerCall()

const processors = native.parallelism()
const pool = Math.max(1, Number.parseInt(process.env.UV_THREADPOOL_SIZE ?? '4', 10) || 1)
const seats = Math.max(1, Math.min(processors, pool - 1))

let freeThreads = processors
let freeSeats = seats
/**
 * What waits: work on calls that are in memory already, then new work, each in the order of asking.
 */
const waiting = { known: [], fresh: [] }
let due = false

/** Gives away what is free; work that may use several threads gets a fair share of them. */
function serve() {
  due = false
  for (;;) {
    const count = waiting.known.length + waiting.fresh.length
    if (count === 0 || freeThreads === 0 || freeSeats === 0) return
    const next = waiting.known.shift() ?? waiting.fresh.shift()
    const share = Math.floor(freeThreads / Math.min(count, freeSeats))
    next.begin(next.wide ? Math.max(1, Math.min(share, MOST_THREADS)) : 1)
  }
}

/** Serves once everything that this turn of the event loop asks for is known. */
function serveSoon() {
  if (due) return
  due = true
  setImmediate(serve)
}

/** A number of threads to work on, and what gives them back. */
function seat({ wide, known, signal }) {
  return new Promise((resolve, reject) => {
    const line = known ? waiting.known : waiting.fresh
    const off = onAbort(signal, () => {
      line.splice(line.indexOf(place), 1)
      off()
      reject(signal.reason)
    })
    const place = {
      wide,
      begin(threads) {
        off()
        freeThreads -= threads
        freeSeats -= 1
        const release = () => {
          freeThreads += threads
          freeSeats += 1
          serveSoon()
        }
        resolve({ threads, release })
      },
    }
    line.push(place)
    serveSoon()
  })
}

/**
 * Calls whose streams are being read, or have been and wait for their turn: no more of them are in
 * memory.
 */
const MOST_READING = Math.max(4, 2 * seats)
let freeReaders = MOST_READING
const readers = []

/** Waits until a call's streams may be read; gives what makes room for the next call's. */
function readingTurn(signal) {
  return new Promise((resolve, reject) => {
    const begin = () => {
      off()
      let held = true
      resolve(() => {
        if (!held) return
        held = false
        const next = readers.shift()
        if (next) next()
        else freeReaders += 1
      })
    }
    const off = onAbort(signal, () => {
      const at = readers.indexOf(begin)
      if (at < 0) return
      readers.splice(at, 1)
      off()
      reject(signal.reason)
    })
    if (freeReaders === 0) return void readers.push(begin)
    freeReaders -= 1
    begin()
  })
}

/**
 * Does work when its turn comes, on the threads that it is told. `wide` work can use several;
 * `known` work, on a call that is in memory, goes first. An abort is heard at once, waiting or
 * working; what works has its place until it has stopped, and `settles` work, which writes files,
 * is waited for even then.
 */
async function inTurn({ wide = false, known = false, settles = false, signal }, work) {
  signal?.throwIfAborted()
  const { threads, release } = await seat({ wide, known, signal })
  const done = Promise.resolve(threads).then(work).finally(release)
  return settles ? done : unlessAborted(done, signal)
}

module.exports = { inTurn, readingTurn }
