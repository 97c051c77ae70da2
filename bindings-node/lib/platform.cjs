'use strict'

/** The name of this machine's kind, as in the names of the packages that carry the compiled part. */
function platform() {
  const { platform: system, arch } = process
  if (system === 'linux') return `linux-${arch}-${process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'}`
  if (system === 'win32') return `win32-${arch}-msvc`
  return `${system}-${arch}`
}

module.exports = { platform }
