'use strict'

// Providers' documents: JSON (of SIPREC, XML) in, a described call out; what MCloud's API takes.
// Every helper is one of the core's.

const native = require('./native.cjs')
const { calledFrom, translated } = require('./errors.cjs')
const { DOCUMENT } = require('./inputs.cjs')

/** What a helper of the core answers; its errors get the stack of `caller`'s caller. */
function ask(caller, helper, args) {
  try {
    return JSON.parse(native.provider(helper, JSON.stringify(args)))
  } catch (error) {
    throw translated(error, calledFrom(caller))
  }
}

/** A document's text. */
function textOf(document) {
  if (document instanceof Uint8Array) return new TextDecoder().decode(document)
  return typeof document === 'string' ? document : JSON.stringify(document ?? null)
}

/** A call as its document describes it, with the audio in hand. */
class DescribedCall {
  constructor(caller, document, audio = {}) {
    const [described] = ask(caller, 'read', { document, keys: Object.keys(audio) })
    Object.assign(this, described)
    Object.defineProperty(this, DOCUMENT, { value: document })
    Object.defineProperty(this, 'audio', { value: audio })
  }

  withAudio(audio) {
    return new DescribedCall(this.withAudio, this[DOCUMENT], audio)
  }
}

/** A reader of one kind of document. */
function reader(kind) {
  return function read(document, { audio, utcOffset } = {}) {
    return new DescribedCall(read, { kind, text: textOf(document), utcOffset }, audio)
  }
}

function readAll(document, { utcOffset } = {}) {
  const whole = { text: textOf(document), utcOffset }
  const calls = ask(readAll, 'read', { document: whole })
  return calls.map((_, index) => new DescribedCall(readAll, { ...whole, index }))
}

function threecx(name, { audio, utcOffset } = {}) {
  return new DescribedCall(
    threecx,
    { kind: 'threecx', text: name, utcOffset },
    audio === undefined ? {} : { [name]: audio },
  )
}

function detect(document) {
  return ask(detect, 'detect', { text: textOf(document) })
}

function vconWithReport(document, report) {
  return ask(vconWithReport, 'vconWithReport', { document: { text: textOf(document) }, report: reportText(report) })
}

function tencentReply(code = 0, message = '') {
  return { ErrCode: code, ErrMsg: message }
}

function wellcloudListPath(callId) {
  return ask(wellcloudListPath, 'wellcloudListPath', { text: callId })
}

function wellcloudStreamPath(recordingId) {
  return ask(wellcloudStreamPath, 'wellcloudStreamPath', { text: recordingId })
}

function wellcloudRefusal(status, body = '') {
  return ask(wellcloudRefusal, 'wellcloudRefusal', { status, body: textOf(body) })
}

const reportText = (report) => (report ? JSON.stringify(report) : undefined)

/** A moment as the core reads it; options that are dates are moments. */
const plain = (options) =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  )

function createBody(report, { call, ...options } = {}) {
  return ask(createBody, 'createBody', {
    report: reportText(report),
    document: call?.[DOCUMENT],
    options: plain(options),
  })
}

function patchBody(report, options = {}) {
  return ask(patchBody, 'patchBody', { report: reportText(report), options })
}

function dataId(source) {
  const document = source?.[DOCUMENT]
  return ask(dataId, 'dataId', document ? { document } : { report: reportText(source) })
}

function listQuery(options = {}) {
  return ask(listQuery, 'listQuery', plain(options))
}

function e164(text, countryCode, trunkPrefix) {
  return ask(e164, 'e164', { text, countryCode, trunkPrefix })
}

function error(code) {
  return ask(error, 'apiCode', { text: code })
}

function readError(status, body = '') {
  return ask(readError, 'apiError', { status, body: textOf(body) })
}

module.exports = Object.freeze({
  detect,
  manifest: reader('manifest'),
  mcloud: Object.freeze({
    createBody,
    dataId,
    e164,
    error,
    listQuery,
    patchBody,
    readError,
    recording: reader('mcloud'),
  }),
  read: reader(undefined),
  readAll,
  siprec: reader('siprec'),
  tencent: reader('tencent'),
  tencentReply,
  threecx,
  vcon: reader('vcon'),
  vconWithReport,
  voipbin: reader('voipbin'),
  wellcloud: reader('wellcloud'),
  wellcloudListPath,
  wellcloudRefusal,
  wellcloudStreamPath,
})
