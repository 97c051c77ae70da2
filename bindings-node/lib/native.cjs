'use strict'

// The compiled part: beside this package in a clone, a package of its own (an optional dependency)
// when installed.

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { PLATFORMS, platform } = require('./platform.cjs')

/** What a user can do where the compiled part is missing. */
function advice(name) {
  if (!PLATFORMS.includes(name))
    return `It is made for ${PLATFORMS.join(', ')}. In a clone, "npm run build" in bindings-node makes it (it takes Rust).`
  return (
    'npm leaves it out with --omit=optional or --no-optional, and where node_modules or the lockfile was made on another kind of machine: ' +
    `remove node_modules and package-lock.json and install again, or "npm install callweave-${name}". A bundler must leave callweave ` +
    'external. In a clone, run "npm run build" in bindings-node (it takes Rust).'
  )
}

function load() {
  const name = platform()
  const built = join(__dirname, '..', `callweave.${name}.node`)
  if (existsSync(built)) return require(built)
  try {
    return require(`callweave-${name}`)
  } catch (error) {
    throw new Error(
      `callweave has no compiled part for ${name}: neither ${built} nor the package callweave-${name} can be loaded. ${advice(name)}`,
      { cause: error },
    )
  }
}

module.exports = load()
