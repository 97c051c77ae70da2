'use strict'

// Between providers and MCloud over http: guarded downloads, streamed uploads, an outbox that
// survives.

const { Gone, Later, download } = require('./client/download.cjs')
const { Guard, Refused } = require('./client/guard.cjs')
const { Outbox } = require('./client/outbox.cjs')
const { Poster } = require('./client/poster.cjs')
const { send } = require('./client/send.cjs')
const steps = require('./client/steps.cjs')

module.exports = { Gone, Guard, Later, Outbox, Poster, Refused, download, send, steps }
