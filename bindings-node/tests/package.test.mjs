import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import * as callweave from 'callweave'

const require = createRequire(import.meta.url)
const { version: packageVersion } = require('callweave/package.json')

test('the version is the package’s', () => {
  assert.equal(callweave.version, packageVersion)
})

test('import and require give the same things', () => {
  const required = require('callweave')
  assert.deepEqual(Object.keys(callweave).sort(), Object.keys(required).sort())
  for (const name of Object.keys(required)) assert.equal(callweave[name], required[name], name)
})

test('the types name every code of the core, and no other', () => {
  const types = readFileSync(new URL('../lib/index.d.cts', import.meta.url), 'utf8')
  const list = types.match(/type ErrorCode =\n((?: {2}\| '\w+'\n)+)/)[1]
  assert.deepEqual(list.match(/\w+/g), [...callweave.errorCodes])
})

test('the types name every field of the core’s configuration, and no other', () => {
  const types = readFileSync(new URL('../lib/index.d.cts', import.meta.url), 'utf8')
  const fields = (name) => {
    const body = types.match(new RegExp(`^export interface ${name} \\{\n(.*?)^\\}`, 'ms'))[1]
    return [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((m) => m[1]).sort()
  }
  const config = callweave.resolveConfig()
  // These have no default: they are there where they were said.
  const unsaid = ['confidenceMap', 'downsampleHz', 'echoPrior', 'offsetPrior', 'profile']
  assert.deepEqual(
    fields('Config').filter((name) => !unsaid.includes(name)),
    Object.keys(config).sort(),
  )
  const sections = {
    AlignOptions: 'align',
    DecodeOptions: 'decode',
    SpeechConfig: 'speech',
    MixConfig: 'mix',
    MetricsConfig: 'metrics',
    IntegrityConfig: 'integrity',
    OutcomeConfig: 'outcome',
  }
  for (const [type, name] of Object.entries(sections))
    assert.deepEqual(
      fields(type).filter((name) => !unsaid.includes(name) || type === 'OutcomeConfig'),
      Object.keys(config[name]).sort(),
      type,
    )
})

test('the types name every export', () => {
  const types = readFileSync(new URL('../lib/index.d.cts', import.meta.url), 'utf8')
  const declared = [...types.matchAll(/^export declare (?:class|const|function) (\w+)/gm)].map((m) => m[1])
  assert.deepEqual([...new Set(declared)].sort(), Object.keys(callweave).sort())
  assert.ok(declared.length > 10)
})

test('a refused configuration says which field, with the stack of the caller', () => {
  assert.throws(
    () => callweave.resolveConfig({ speech: { threshold: 2 } }),
    (error) => {
      assert.ok(error instanceof callweave.CallweaveError)
      assert.equal(error.code, 'invalid_argument')
      assert.match(error.message, /speech\.threshold/)
      assert.match(error.stack, /package\.test\.mjs/)
      return true
    },
  )
})
