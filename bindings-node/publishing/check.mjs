// Packs the package and holds it against publint and are-the-types-wrong; says how large it is.
// Usage: npm test

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const here = dirname(fileURLToPath(import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'callweave-'))
try {
  const packed = execFileSync(process.execPath, [join(here, '../scripts/pack.mjs'), home], { encoding: 'utf8' })
  const { main, all } = JSON.parse(packed)
  let wrong = 0
  for (const tarball of [main, ...all]) {
    const data = readFileSync(tarball)
    const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true })
    for (const message of messages) console.log(`publint: ${pkg.name}: ${formatMessage(message, pkg)}`)
    wrong += messages.length
    const [packed, installed] = [data.length, gunzipSync(data).length].map((bytes) => (bytes / 1e6).toFixed(2))
    console.log(`${pkg.name}: ${packed} MB packed, ${installed} MB installed`)
  }
  const types = await checkPackage(createPackageFromTarballData(readFileSync(main)))
  for (const problem of types.problems ?? ['no types']) console.log(`are-the-types-wrong: ${JSON.stringify(problem)}`)
  wrong += types.problems?.length ?? 1
  if (wrong > 0) process.exit(1)
  console.log('publint and are-the-types-wrong: nothing to say')
} finally {
  rmSync(home, { recursive: true, force: true })
}
