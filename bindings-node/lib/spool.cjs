'use strict'

// The bytes of a stream: in memory, out of JavaScript's, or in a file where there are many.

const { mkdtempSync, rmSync } = require('node:fs')
const { open, rm } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { dirname, join } = require('node:path')

/**
 * Bytes of one stream that are kept in memory: some 17 minutes of 8 kHz wav. Longer ones go to a
 * file.
 */
const MOST_BYTES = 16 << 20

/** Folders of files that keep streams now. */
const folders = new Set()

process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

class Spool {
  constructor() {
    this.size = 0
    this.parts = []
    this.path = null
    this.file = null
  }

  /** Keeps a chunk. */
  async append(chunk) {
    this.size += chunk.byteLength
    if (this.file === null && this.size > MOST_BYTES) await this.#toFile()
    if (this.file === null) this.parts.push(Buffer.from(chunk))
    else await this.file.appendFile(chunk)
  }

  /** What the compiled part reads. */
  async finish() {
    await this.file?.close()
    this.file = null
    if (this.path !== null) return { path: this.path, isTemporary: true }
    const parts = this.parts
    this.parts = []
    return { bytes: parts.length === 0 ? new Uint8Array() : parts }
  }

  /** Forgets it all. */
  async remove() {
    this.parts = []
    await this.file?.close().catch(() => {})
    if (this.path !== null) Spool.discard(this.path)
  }

  async #toFile() {
    const folder = mkdtempSync(join(tmpdir(), 'callweave-'))
    folders.add(folder)
    this.path = join(folder, 'stream')
    this.file = await open(this.path, 'wx', 0o600)
    for (const part of this.parts) await this.file.appendFile(part)
    this.parts = []
  }

  /** Removes a file that kept a stream. */
  static discard(path) {
    const folder = dirname(path)
    if (!folders.delete(folder)) return
    void rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}

module.exports = { Spool }
