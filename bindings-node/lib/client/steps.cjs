'use strict'

// The core's steps: requests as values, policy, sessions, postings. JSON values in, JSON values
// out; nothing is decided here. States are what the step before gave.

const native = require('../native.cjs')
const { calledFrom, translated } = require('../errors.cjs')

/** A step of the core's; its errors get the stack of the caller. */
function step(helper, fixed) {
  return function ask(args = {}) {
    try {
      return JSON.parse(native.provider(helper, JSON.stringify(fixed ? fixed(args) : args)))
    } catch (error) {
      throw translated(error, calledFrom(ask))
    }
  }
}

module.exports = Object.freeze({
  contentType: step('contentType', (head) => ({ head: [...head.subarray(0, 4096)] })),
  isText: step('isText', (head) => ({ head: [...head.subarray(0, 4096)] })),
  judge: step('judge'),
  mcloudAnswer: step('mcloudAnswer'),
  mcloudRequest: step('mcloudRequest'),
  needsAnotherKey: step('needsAnotherKey', (reason) => ({ reason })),
  nextTry: step('nextTry'),
  pace: step('pace'),
  piecesHandled: step('piecesHandled'),
  piecesNew: step('piecesNew'),
  piecesStanding: step('piecesStanding'),
  piecesTake: step('piecesTake'),
  posting: step('posting'),
  postingAnswered: step('postingAnswered'),
  postingRequest: step('postingRequest'),
  sessionHandled: step('sessionHandled'),
  sessionStanding: step('sessionStanding'),
  sessionTake: step('sessionTake'),
  transferLimit: step('transferLimit', (bytes) => ({ bytes })),
  voipbinPage: step('voipbinPage'),
  voipbinRequest: step('voipbinRequest'),
  wellcloudList: step('wellcloudList'),
  wellcloudRequest: step('wellcloudRequest'),
})
