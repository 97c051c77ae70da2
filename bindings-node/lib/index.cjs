'use strict'

const native = require('./native.cjs')
const { CallweaveError, calledFrom, translated } = require('./errors.cjs')

/** The library's version. */
const version = native.version()

/** The codes that a CallweaveError can carry. */
const errorCodes = Object.freeze(native.errorCodes())

/** The whole configuration, defaults included, of one that names only what differs. */
function resolveConfig(config = {}) {
  try {
    return JSON.parse(native.readConfig(JSON.stringify(config)))
  } catch (error) {
    throw translated(error, calledFrom(resolveConfig))
  }
}

module.exports = { CallweaveError, errorCodes, resolveConfig, version }
