// The examples of the READMEs are run.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { probe } from 'callweave'
import { folder, root } from './shared.mjs'

const start = readdirSync('core/docs/start').map((name) => `core/docs/start/${name}`)
/** The pages of a task that is done in Python alone. */
const withoutNode = ['core/docs/start/archive.md']

for (const readme of ['README.md', 'bindings-node/README.md', 'core/docs/live.md', ...start]) {
  test(`the examples of ${readme} run`, (t) => {
    const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```js\n(.*?)^```/gms)].map((match) => match[1])
    if (withoutNode.includes(readme)) return assert.equal(blocks.length, 0)
    assert.ok(blocks.length > 0, 'no example in JavaScript')
    const out = folder(t)
    for (const [i, block] of blocks.entries()) {
      // Beside the package, so that it can be imported by its own name.
      const file = `${root}/bindings-node/tests/.example-${process.pid}-${i}.mjs`
      writeFileSync(file, block.replaceAll(/(['`])out\//g, `$1${out}/`))
      t.after(() => rmSync(file))
      assert.ok(execFileSync(process.execPath, [file], { encoding: 'utf8' }).length > 0)
    }
  })
}

test('the two programs that core/docs/node.md compares do the job', async (t) => {
  const out = folder(t)
  for (const program of ['callweave', 'ffmpeg']) {
    if (program === 'ffmpeg' && spawnSync('ffmpeg', ['-version']).error) {
      t.diagnostic('no ffmpeg: its program is not run')
      continue
    }
    const tracks = ['customer', 'agent'].map((name) => `fixtures/keypad-hold/${name}.mp3`)
    const printed = execFileSync(
      process.execPath,
      [`bindings-node/examples/compare/${program}.mjs`, ...tracks, `${out}/${program}`],
      { encoding: 'utf8' },
    )
    assert.match(printed, /^customer .*\nagent .*\n/)
    const { source } = await probe(`${out}/${program}/mix.wav`)
    const { source: track } = await probe(tracks[0])
    assert.deepEqual([source.channels, source.sampleRateHz], [2, track.sampleRateHz])
    assert.ok(
      Math.abs(source.durationMs - track.durationMs) < 1500,
      `${source.durationMs} ms of ${track.durationMs} ms`,
    )
    assert.ok(JSON.parse(readFileSync(`${out}/${program}/report.json`, 'utf8')).tracks.length === 2)
  }
})
