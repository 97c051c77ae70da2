// The packages as a release has them: installed in an empty folder, without a compiler, used by import and require.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { version } from 'callweave'
import { folder, root } from './shared.mjs'

test('the packed packages install and work where there is no compiler', (t) => {
  const home = folder(t)
  const run = (file, args, more = {}) => execFileSync(file, args, { cwd: home, encoding: 'utf8', ...more })
  const { main, compiled } = JSON.parse(run(process.execPath, [`${root}/bindings-node/scripts/pack.mjs`, home]))
  writeFileSync(`${home}/package.json`, '{"private": true}')
  // No cargo on the path: nothing can be built.
  const path = process.env.PATH.split(':').filter((part) => !existsSync(`${part}/cargo`)).join(':')
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', compiled, main], { env: { ...process.env, PATH: path }, stdio: 'ignore' })

  const call = `${root}/fixtures/short/manifest.json`
  writeFileSync(`${home}/a.mjs`, `import { analyze } from 'callweave'; console.log((await analyze(${JSON.stringify(call)})).call.id)`)
  writeFileSync(`${home}/b.cjs`, `require('callweave').analyze(${JSON.stringify(call)}).then((report) => console.log(report.call.id))`)
  assert.equal(run(process.execPath, ['a.mjs']), 'short\n')
  assert.equal(run(process.execPath, ['b.cjs']), 'short\n')
  assert.equal(run('npx', ['--no-install', 'callweave', '--version']), `callweave ${version}\n`)
})
