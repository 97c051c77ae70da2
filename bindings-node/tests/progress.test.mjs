// A function of progress that throws stops the work, and its error is what the caller gets.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { analyze, normalize, peaks, process as processCall, processBatch } from 'callweave'
import { longWave, root } from './shared.mjs'

const wave = longWave(15)

test('what onProgress throws is what the promise is rejected with', async () => {
  const works = {
    process: (options) => processCall(wave, options),
    analyze: (options) => analyze(wave, options),
    normalize: (options) => normalize(wave, options),
    peaks: (options) => peaks(wave, options),
  }
  for (const [name, work] of Object.entries(works)) {
    const mine = new TypeError(`no room for ${name}`)
    let heard = 0
    const onProgress = () => {
      heard += 1
      throw mine
    }
    await assert.rejects(work({ onProgress }), (error) => error === mine, name)
    assert.equal(heard, 1, `${name}: nothing is told after it threw`)
  }
})

test('what is thrown is kept as it is, an error or not', async () => {
  const work = analyze(wave, {
    onProgress: () => {
      throw 'enough'
    },
  })
  assert.equal(await work.catch((error) => error), 'enough')
})

test('a batch ends with what its onProgress throws, and stops its calls', async () => {
  const mine = new Error('no room')
  const taken = []
  const batch = processBatch(['fixtures/short/manifest.json', 'fixtures/unclosed/call.wav'], {
    onProgress: ({ callsDone }) => {
      if (callsDone === 2) throw mine
    },
  })
  await assert.rejects(
    async () => {
      for await (const { index } of batch) taken.push(index)
    },
    (error) => error === mine,
  )
  assert.deepEqual(taken, [0])
})

test('a process whose onProgress throws does not end by it', () => {
  const script = `
    import { analyze } from 'callweave'
    const work = analyze(process.argv[1], { onProgress: () => { throw new Error('no room') } })
    console.log((await work.catch((error) => error)).message)`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, `${root}/fixtures/unclosed/call.wav`], {
    cwd: `${root}/bindings-node`,
    encoding: 'utf8',
  })
  assert.equal(run.stdout.trim(), 'no room', run.stderr)
  assert.equal(run.status, 0)
})
