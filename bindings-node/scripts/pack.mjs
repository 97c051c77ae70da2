// Makes the tarballs that a release uploads: the package itself, which names a package for every
// platform, and the packages with the compiled parts that are here (`callweave.PLATFORM.node`
// beside package.json, one for each machine that built one). Usage: node scripts/pack.mjs FOLDER

import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import platformModule from '../lib/platform.cjs'

const here = dirname(dirname(fileURLToPath(import.meta.url)))
const out = resolve(process.argv[2] ?? join(here, 'dist'))
const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
/**
 * Where the workspace has what the law asks for, and the third parties' licences that NOTICE points
 * to.
 */
const legal = [
  'LICENSE-MIT',
  'LICENSE-APACHE',
  'NOTICE',
  'core/src/vad/silero/silero-8k.LICENSE',
  'core/src/voices/encoder/ge2e.LICENSE',
]

/** Packs a folder that holds a package; the tarball's path. */
function pack(folder) {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', out]
  const [{ filename }] = JSON.parse(
    execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  return join(out, filename)
}

/** A folder with a package of some files, packed. */
function assemble(folder, fields, files) {
  rmSync(folder, { recursive: true, force: true })
  for (const [from, to] of files) {
    mkdirSync(dirname(join(folder, to)), { recursive: true })
    copyFileSync(from, join(folder, to))
  }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(fields, null, 2)}\n`)
  const made = pack(folder)
  rmSync(folder, { recursive: true })
  return made
}

mkdirSync(out, { recursive: true })
const { version, license, repository, homepage, bugs, engines } = manifest
const legalFiles = legal.map((file) => [join(here, '..', file), file])

/** The package of one platform's compiled part. */
function compiledFor(name) {
  const native = `callweave.${name}.node`
  const [system, arch, libc] = name.split('-')
  const libcField = libc === 'gnu' ? { libc: ['glibc'] } : libc === 'musl' ? { libc: ['musl'] } : {}
  const readme = join(out, 'README.md')
  writeFileSync(
    readme,
    `# callweave-${name}\n\nThe compiled part of [callweave](https://www.npmjs.com/package/callweave) for ${name}. Install \`callweave\`, not this.\n`,
  )
  const fields = {
    name: `callweave-${name}`,
    version,
    description: `The compiled part of callweave for ${name}`,
    license,
    repository,
    homepage,
    bugs,
    engines,
    type: 'commonjs',
    main: native,
    files: [native, ...legal],
    os: [system],
    cpu: [arch],
    ...libcField,
    publishConfig: { access: 'public', provenance: true },
  }
  const made = assemble(join(out, 'compiled'), fields, [
    [join(here, native), native],
    [readme, 'README.md'],
    ...legalFiles,
  ])
  rmSync(readme)
  return made
}

const compiled = platformModule.PLATFORMS.filter((name) => existsSync(join(here, `callweave.${name}.node`)))
const compiledPackages = compiled.map(compiledFor)
const optionalDependencies = Object.fromEntries(platformModule.PLATFORMS.map((name) => [`callweave-${name}`, version]))
const { scripts, devDependencies, ...published } = manifest
const lib = readdirSync(join(here, 'lib'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(join(here, 'lib'), join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'))
const main = assemble(
  join(out, 'main'),
  {
    ...published,
    files: [...new Set([...published.files, ...legal])],
    optionalDependencies,
    publishConfig: { access: 'public', provenance: true },
  },
  [
    ...lib.map((file) => [join(here, 'lib', file), `lib/${file}`]),
    [join(here, 'bin/callweave.cjs'), 'bin/callweave.cjs'],
    [join(here, 'README.md'), 'README.md'],
    ...legalFiles,
  ],
)
const own = compiledPackages[compiled.indexOf(platformModule.platform())]
console.log(JSON.stringify({ main, compiled: own, all: compiledPackages }))
