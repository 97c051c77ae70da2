// What a service needs under load: a free event loop, the same answers, flat memory.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { analyze, process as processCall } from 'callweave'
import { long, longWave } from './shared.mjs'

test('the event loop stays free while 16 calls are processed', async () => {
  const wave = longWave(long ? 20 : 4)
  let worst = 0
  let ticks = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    worst = Math.max(worst, now - last - 5)
    last = now
    ticks += 1
  }, 5)
  await Promise.all(Array.from({ length: 16 }, () => analyze([wave, wave])))
  clearInterval(timer)
  console.log(`a 5 ms timer was at most ${worst.toFixed(1)} ms late in ${ticks} ticks`)
  assert.ok(ticks > 10, `${ticks} ticks`)
  if (long) assert.ok(worst < 50, `${worst} ms late`)
})

test('many calls at once give the same reports', async () => {
  const call = 'fixtures/short/manifest.json'
  const expected = JSON.stringify(await analyze(call))
  const reports = await Promise.all(Array.from({ length: 32 }, () => analyze(call)))
  assert.deepEqual(new Set(reports.map((report) => JSON.stringify(report))), new Set([expected]))
})

test('memory stays flat', async () => {
  const bytes = readFileSync('fixtures/short/agent.wav')
  const rounds = long ? 2000 : 150
  const loop = async (count) => {
    for (let i = 0; i < count; i += 1) {
      const call = await processCall([bytes, bytes])
      await call.mix()
      await analyze(Buffer.from('nothing')).catch(() => {})
    }
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc()
  }
  await loop(Math.ceil(rounds / 3))
  const before = process.memoryUsage.rss()
  await loop(rounds)
  const grown = (process.memoryUsage.rss() - before) / 1024
  console.log(`${rounds} calls grew ${grown.toFixed(0)} kB`)
  assert.ok(grown < 16_000, `${grown} kB`)
})
