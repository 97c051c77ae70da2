// The packages as a release has them: installed in an empty folder where nothing can be built, and
// used as a service would.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
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
const run = (file, ...args) =>
  execFileSync(file, args, {
    cwd: home,
    encoding: 'utf8',
    env: { HOME: home, PATH: path, npm_config_update_notifier: 'false' },
  })
const write = (name, text) => writeFileSync(join(home, name), text)

before(() => {
  mkdirSync(path)
  const found = (name) =>
    process.env.PATH.split(':')
      .map((part) => join(part, name))
      .find(existsSync)
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
  assert.equal(
    run('npx', '--no-install', 'callweave', 'process', CALL, '--json').startsWith('{"schemaVersion":1,'),
    true,
  )
})

test('a worker thread works beside the main thread', () => {
  write(
    'worker.mjs',
    `
    import { Worker, isMainThread, parentPort } from 'node:worker_threads'
    import { analyze } from 'callweave'
    const { call } = await analyze(${JSON.stringify(CALL)})
    if (!isMainThread) parentPort.postMessage(call.id)
    else new Worker(new URL(import.meta.url)).on('message', (id) => console.log(call.id, id))
  `,
  )
  assert.equal(run('node', 'worker.mjs'), 'short short\n')
})

// Runtimes beside Node and a bundler, where they are: `npm install bun deno esbuild` in a folder
// named by CALLWEAVE_RUNTIMES.
for (const runtime of ['bun', 'deno']) {
  test(`${runtime} runs it from the tarball, modules and CommonJS`, (t) => {
    const program = join(process.env.CALLWEAVE_RUNTIMES ?? '/nowhere', 'node_modules/.bin', runtime)
    if (!existsSync(program)) return t.skip(`no ${runtime}`)
    const code = `
      analyze(${JSON.stringify(CALL)}).then(async (report) => {
        const call = await processCall(${JSON.stringify(CALL)})
        let bytes = 0
        for await (const piece of call.mixStream({ format: 'flac' })) bytes += piece.length
        console.log(report.call.id, bytes > 10000)
      })`
    write('runtime.mjs', `import { analyze, processCall } from 'callweave';${code}`)
    write('runtime.cjs', `const { analyze, processCall } = require('callweave');${code}`)
    for (const file of ['runtime.mjs', 'runtime.cjs']) {
      const args = runtime === 'deno' ? ['run', '--allow-all', '--no-lock', file] : ['run', file]
      assert.equal(run(program, ...args), 'short true\n', file)
    }
  })
}

test('a bundle that leaves the package external runs, and one that does not says so', (t) => {
  const esbuild = join(process.env.CALLWEAVE_RUNTIMES ?? '/nowhere', 'node_modules/.bin/esbuild')
  if (!existsSync(esbuild)) return t.skip('no esbuild')
  write(
    'service.mjs',
    `
    import { analyze } from 'callweave'
    analyze(${JSON.stringify(CALL)}).then((report) => console.log(report.call.id))
  `,
  )
  const bundled = (file, ...more) => {
    run(esbuild, 'service.mjs', '--bundle', '--platform=node', '--log-level=error', `--outfile=${file}`, ...more)
    return file
  }
  for (const [format, file] of Object.entries({ esm: 'bundle.mjs', cjs: 'bundle.cjs' }))
    assert.equal(run('node', bundled(file, `--format=${format}`, '--external:callweave')), 'short\n')
  const alone = mkdtempSync(join(tmpdir(), 'callweave-'))
  t.after(() => rmSync(alone, { recursive: true, force: true }))
  const whole = bundled(join(alone, 'bundle.cjs'), '--format=cjs')
  assert.throws(() => run('node', whole), { stderr: /A bundler must leave callweave external/ })
})

test('a package without its compiled part says what can be done', () => {
  write(
    'missing.cjs',
    `
    const Module = require('node:module')
    const load = Module._load
    Module._load = (name, ...more) => { if (/^callweave-/.test(name)) throw new Error('Cannot find module'); return load(name, ...more) }
    try { require('callweave') } catch (error) { console.log(error.message) }
  `,
  )
  assert.match(run('node', 'missing.cjs'), /--omit=optional.*npm install callweave-linux/s)
})

test('the package names one for every platform, and where it comes from', () => {
  const {
    optionalDependencies,
    repository,
    publishConfig,
    version: own,
  } = JSON.parse(readFileSync(join(home, 'node_modules/callweave/package.json'), 'utf8'))
  assert.ok(
    Object.keys(optionalDependencies).length >= 8 && Object.values(optionalDependencies).every((one) => one === own),
  )
  assert.match(repository.url, /^git\+https:/)
  assert.equal(publishConfig.provenance, true)
  const [compiled] = readdirSync(join(home, 'node_modules')).filter((name) => name.startsWith('callweave-'))
  const [native] = readdirSync(join(home, 'node_modules', compiled)).filter((name) => name.endsWith('.node'))
  const file = join(home, 'node_modules', compiled, native)
  assert.ok(statSync(file).size < 25e6, 'a package is not larger than it need be')
  // What an ELF file names its table of symbols; other systems' files have no such name.
  assert.ok(!readFileSync(file).includes('.symtab\0'), 'its symbols are stripped')
})

test('a strict TypeScript service compiles as a module and as CommonJS, without the types of browsers', () => {
  cpSync(`${root}/bindings-node/node_modules/@types`, join(home, 'node_modules/@types'), { recursive: true })
  cpSync(`${root}/bindings-node/node_modules/undici-types`, join(home, 'node_modules/undici-types'), {
    recursive: true,
  })
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
  assert.deepEqual(list('callweave'), [
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'NOTICE',
    'README.md',
    'bin',
    'core',
    'lib',
    'package.json',
  ])
  assert.deepEqual(
    list(compiled).filter((name) => !name.endsWith('.node')),
    ['LICENSE-APACHE', 'LICENSE-MIT', 'NOTICE', 'README.md', 'core', 'package.json'],
  )
  // What NOTICE points to is there, under the name that it says.
  const licences = readFileSync(`${root}/NOTICE`, 'utf8').match(/\S+\.LICENSE/g)
  assert.ok(licences.length > 0)
  for (const name of ['callweave', compiled]) {
    for (const licence of ['NOTICE', 'LICENSE-MIT', 'LICENSE-APACHE', ...licences]) {
      assert.equal(
        readFileSync(join(home, 'node_modules', name, licence), 'utf8'),
        readFileSync(join(root, licence), 'utf8'),
      )
    }
  }
})
