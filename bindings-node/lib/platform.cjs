'use strict'

/**
 * Whether this Linux has glibc. The report is told to leave the network out: it would look up the
 * name of every peer.
 */
function hasGlibc() {
  const before = process.report.excludeNetwork
  process.report.excludeNetwork = true
  const { header } = process.report.getReport()
  process.report.excludeNetwork = before
  return Boolean(header.glibcVersionRuntime)
}

/**
 * The name of this machine's kind, as in the names of the packages that carry the compiled part.
 */
function platform() {
  const { platform: system, arch } = process
  if (system === 'linux') return `linux-${arch}-${hasGlibc() ? 'gnu' : 'musl'}`
  if (system === 'win32') return `win32-${arch}-msvc`
  return `${system}-${arch}`
}

/** Every kind of machine that a compiled part is published for. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

module.exports = { PLATFORMS, platform }
