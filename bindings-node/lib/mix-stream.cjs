'use strict'

// A mix as the bytes of a file, made as it is read.

const { Readable } = require('node:stream')
const { onAbort } = require('./abort.cjs')
const { cancelled, translated } = require('./errors.cjs')
const { inTurn } = require('./queue.cjs')
const { stoppedAtExit } = require('./exit.cjs')

/** Takes what is left, so that who makes it is not kept waiting with the call in hand. */
function drained(pieces) {
  pieces.next().then(
    (piece) => piece === null || drained(pieces),
    () => {},
  )
}

/** A `Readable` over the pieces of a mix; `Readable.toWeb(stream)` is a web stream. */
function mixStreamOf(pieces, cancel, { signal, holder }) {
  const stream = new Readable({
    read() {
      inTurn({ known: true }, () => pieces.next()).then(
        (piece) => stream.push(piece),
        (error) => stream.destroy(translated(error, holder)),
      )
    },
    destroy(error, done) {
      cancel.cancel()
      drained(pieces)
      for (const cleanUp of after) cleanUp()
      done(error)
    },
  })
  const after = [stoppedAtExit(cancel), onAbort(signal, () => stream.destroy(translated(cancelled(signal), holder)))]
  if (signal?.aborted) stream.destroy(translated(cancelled(signal), holder))
  return stream
}

module.exports = { mixStreamOf }
