// The packages as a release has them: installed in an empty folder where nothing can be built, and used as a service would.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { version } from 'callweave'
import { root } from './shared.mjs'

const CALL = `${root}/fixtures/short/manifest.json`
const home = mkdtempSync(join(tmpdir(), 'callweave-'))
after(() => rmSync(home, { recursive: true, force: true }))

/** A PATH that holds Node, npm and a shell, and neither cargo nor a compiler. */
const path = join(home, 'programs')
const run = (file, ...args) => execFileSync(file, args, { cwd: home, encoding: 'utf8', env: { HOME: home, PATH: path, npm_config_update_notifier: 'false' } })
const write = (name, text) => writeFileSync(join(home, name), text)

before(() => {
  mkdirSync(path)
  const found = (name) => process.env.PATH.split(':').map((part) => join(part, name)).find(existsSync)
  for (const name of ['npm', 'npx', 'sh', 'env']) symlinkSync(realpathSync(found(name)), join(path, name))
  symlinkSync(process.execPath, join(path, 'node'))
  const packed = execFileSync(process.execPath, [`${root}/bindings-node/scripts/pack.mjs`, home], { encoding: 'utf8' })
  const { main, compiled } = JSON.parse(packed)
  write('package.json', '{ "private": true, "type": "module" }')
  run('npm', 'install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', compiled, main)
})

test('import, require and npx work', () => {
  write('a.mjs', `import { analyze } from 'callweave'; console.log((await analyze(${JSON.stringify(CALL)})).call.id)`)
  write('b.cjs', `require('callweave').analyze(${JSON.stringify(CALL)}).then((report) => console.log(report.call.id))`)
  assert.equal(run('node', 'a.mjs'), 'short\n')
  assert.equal(run('node', 'b.cjs'), 'short\n')
  assert.equal(run('npx', '--no-install', 'callweave', '--version'), `callweave ${version}\n`)
  assert.equal(run('npx', '--no-install', 'callweave', 'process', CALL, '--json').startsWith('{"schemaVersion":1,'), true)
})

test('a worker thread works beside the main thread', () => {
  write('worker.mjs', `
    import { Worker, isMainThread, parentPort } from 'node:worker_threads'
    import { analyze } from 'callweave'
    const { call } = await analyze(${JSON.stringify(CALL)})
    if (!isMainThread) parentPort.postMessage(call.id)
    else new Worker(new URL(import.meta.url)).on('message', (id) => console.log(call.id, id))
  `)
  assert.equal(run('node', 'worker.mjs'), 'short short\n')
})

test('a strict TypeScript service compiles as a module and as CommonJS, without the types of browsers', () => {
  cpSync(`${root}/bindings-node/node_modules/@types`, join(home, 'node_modules/@types'), { recursive: true })
  cpSync(`${root}/bindings-node/node_modules/undici-types`, join(home, 'node_modules/undici-types'), { recursive: true })
  const service = `
    import { CallweaveError, processCall, type CallEvent, type Report } from 'callweave'
    export async function handle(body: Uint8Array, signal: AbortSignal): Promise<Report['tag']['value'] | null> {
      try {
        const call = await processCall([{ source: body, role: 'customer' }], { signal })
        return (await call.write('out', { signal })).tag.value
      } catch (error) {
        if (error instanceof CallweaveError && error.code === 'cancelled') return null
        throw error
      }
    }
    export const isKey = (event: CallEvent): boolean => event.kind === 'dtmf' && event.detail === '1'
  `
  write('service.mts', service)
  write('service.cts', service)
  write('bundled.ts', service)
  const tsc = `${root}/bindings-node/node_modules/typescript/bin/tsc`
  const strict = ['--strict', '--noEmit', '--target', 'es2023', '--lib', 'es2023', '--types', 'node']
  run('node', tsc, ...strict, '--exactOptionalPropertyTypes', '--module', 'nodenext', 'service.mts', 'service.cts')
  run('node', tsc, ...strict, '--module', 'preserve', '--moduleResolution', 'bundler', 'bundled.ts')
})

test('the packages hold what they need and no more', () => {
  const list = (name) => readdirSync(join(home, 'node_modules', name)).sort()
  const compiled = readdirSync(join(home, 'node_modules')).find((name) => name.startsWith('callweave-'))
  assert.deepEqual(list('callweave'), ['LICENSE-APACHE', 'LICENSE-MIT', 'NOTICE', 'README.md', 'bin', 'core', 'lib', 'package.json'])
  assert.deepEqual(list(compiled).filter((name) => !name.endsWith('.node')), ['LICENSE-APACHE', 'LICENSE-MIT', 'NOTICE', 'core', 'package.json'])
  // What NOTICE points to is there, under the name that it says.
  const licences = readFileSync(`${root}/NOTICE`, 'utf8').match(/\S+\.LICENSE/g)
  assert.ok(licences.length > 0)
  for (const name of ['callweave', compiled]) {
    for (const licence of ['NOTICE', 'LICENSE-MIT', 'LICENSE-APACHE', ...licences]) {
      assert.equal(readFileSync(join(home, 'node_modules', name, licence), 'utf8'), readFileSync(join(root, licence), 'utf8'))
    }
  }
})
