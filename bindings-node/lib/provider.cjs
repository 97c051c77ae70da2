'use strict'

// Providers' documents: JSON (of SIPREC, XML) in, a described call out; what MCloud's API takes.
// Every helper is one of the core's.

const native = require('./native.cjs')
const { told } = require('./errors.cjs')
const { DOCUMENT } = require('./inputs.cjs')
const { json, optionsOf } = require('./values.cjs')

/** What a helper of the core answers; its errors get the stack of `caller`'s caller. */
function ask(caller, helper, args) {
  return told(caller, () => JSON.parse(native.provider(helper, json(helper, args))))
}

/** A document's text. */
function textOf(document) {
  if (document instanceof Uint8Array) return new TextDecoder().decode(document)
  return typeof document === 'string' ? document : json('document', document ?? null)
}

/** A call as its document describes it, with the audio in hand. */
class DescribedCall {
  constructor(caller, document, audio = {}) {
    told(caller, () => optionsOf('an audio', audio, undefined, 'audio'))
    const [described] = ask(caller, 'read', { document, keys: Object.keys(audio) })
    Object.assign(this, described)
    Object.defineProperty(this, DOCUMENT, { value: document })
    Object.defineProperty(this, 'audio', { value: audio })
  }

  withAudio(audio) {
    return new DescribedCall(this.withAudio, this[DOCUMENT], audio)
  }
}

/** What is said beside a document, with errors for `caller`'s caller. */
function besideOf(caller, options, known = ['audio', 'utcOffset']) {
  return told(caller, () => {
    const { audio, utcOffset } = optionsOf('an option of a document', options, known)
    return { audio, utcOffset }
  })
}

/** A reader of one kind of document. */
function reader(kind) {
  return function read(document, options = {}) {
    const { audio, utcOffset } = besideOf(read, options)
    return new DescribedCall(read, { kind, text: told(read, () => textOf(document)), utcOffset }, audio)
  }
}

function readAll(document, options = {}) {
  const { utcOffset } = besideOf(readAll, options, ['utcOffset'])
  const whole = { text: told(readAll, () => textOf(document)), utcOffset }
  const calls = ask(readAll, 'read', { document: whole })
  return calls.map((_, index) => new DescribedCall(readAll, { ...whole, index }))
}

function threecx(name, options = {}) {
  const { audio, utcOffset } = besideOf(threecx, options)
  return new DescribedCall(threecx, { kind: 'threecx', text: name, utcOffset }, audio && { [name]: audio })
}

function detect(document) {
  return ask(detect, 'detect', { text: textOf(document) })
}

function vconWithReport(document, report) {
  return ask(vconWithReport, 'vconWithReport', {
    document: { text: textOf(document) },
    report: reportText(vconWithReport, report),
  })
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

const reportText = (caller, report) => (report ? told(caller, () => json('report', report)) : undefined)

function createBody(report, options = {}) {
  const { call, ...rest } = told(createBody, () => optionsOf('an option', options))
  return ask(createBody, 'createBody', {
    report: reportText(createBody, report),
    document: call?.[DOCUMENT],
    options: rest,
  })
}

function patchBody(report, options = {}) {
  return ask(patchBody, 'patchBody', { report: reportText(patchBody, report), options })
}

function dataId(source) {
  const document = source?.[DOCUMENT]
  return ask(dataId, 'dataId', document ? { document } : { report: reportText(dataId, source) })
}

function listQuery(options = {}) {
  return ask(
    listQuery,
    'listQuery',
    told(listQuery, () => optionsOf('an option', options)),
  )
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
