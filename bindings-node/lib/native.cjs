'use strict'

// The compiled part: beside this package in a clone, a package of its own (an optional dependency) when installed.

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { platform } = require('./platform.cjs')

function load() {
  const name = platform()
  const built = join(__dirname, '..', `callweave.${name}.node`)
  if (existsSync(built)) return require(built)
  try {
    return require(`callweave-${name}`)
  } catch (error) {
    throw new Error(
      `callweave has no compiled part for ${name}: neither ${built} nor the package callweave-${name} can be loaded. ` +
        'In a clone, run "npm run build" in bindings-node (it takes Rust).',
      { cause: error },
    )
  }
}

module.exports = load()
