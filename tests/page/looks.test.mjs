// How the page looks and reads: kept pictures, an accessibility check, names that mean harm, peaks
// in other players.
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import pixelmatch from 'pixelmatch'
import { PNG } from 'pngjs'
import { designed } from './designed.mjs'
import { close, fileUrl, folder, here, launch, open, painted, processed, root, skip, withData } from './shared.mjs'

const require = createRequire(import.meta.url)
/** The share of pixels that fonts and rounding may change. */
const TOLERANCE = 0.02

const HOSTILE = [
  '</script><script>globalThis.hacked = 1; alert(1)</script><img src=x onerror="globalThis.hacked = 2">',
  '\u202e"\'`木\u{1f600}\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u2028 شركة {{script}} &lt;b&gt;' + 'long '.repeat(40),
]

/** Differences from a kept picture, as a share of its pixels; UPDATE_GOLDEN=1 keeps a new one. */
function difference(name, bytes) {
  const kept = path.join(here, 'pictures', `${name}.png`)
  if (process.env.UPDATE_GOLDEN || !existsSync(kept)) {
    mkdirSync(path.dirname(kept), { recursive: true })
    writeFileSync(kept, bytes)
  }
  const [a, b] = [PNG.sync.read(readFileSync(kept)), PNG.sync.read(Buffer.from(bytes))]
  if (a.width !== b.width || Math.abs(a.height - b.height) > 0.03 * a.height) return 1
  const height = Math.min(a.height, b.height)
  const cut = (png) => png.data.subarray(0, 4 * png.width * height)
  return pixelmatch(cut(a), cut(b), null, a.width, height, { threshold: 0.2 }) / (a.width * height)
}

describe('the look of a page', { skip }, () => {
  let [file, out] = []
  before(async () => {
    await launch()
    out = processed('looks', 'fixtures/short/manifest.json', '--peaks=100')
    file = path.join(out, 'designed.html')
    writeFileSync(file, withData(path.join(out, 'report.html'), { ...designed(), audio: null }))
  })
  after(close)

  for (const dark of [false, true]) {
    test(`is the kept picture, ${dark ? 'dark' : 'light'}`, async (t) => {
      const page = await open(fileUrl(file), { dark, width: 1100, height: 1400 })
      await painted(page)
      const stage = await page.$('.stage')
      const found = difference(dark ? 'dark' : 'light', await stage.screenshot())
      t.diagnostic(`${(100 * found).toFixed(2)} % of the pixels differ`)
      assert.ok(found < TOLERANCE, `${(100 * found).toFixed(2)} % of the pixels differ from tests/page/pictures`)
      await page.keyboard.press('+')
      await painted(page)
      if (!process.env.UPDATE_GOLDEN)
        assert.ok(
          difference(dark ? 'dark' : 'light', await stage.screenshot()) > TOLERANCE,
          'another view is told apart',
        )
      assert.deepEqual(page.faults, [])
      await page.close()
    })
  }

  test('is in the docs', { skip: !process.env.UPDATE_GOLDEN && 'UPDATE_GOLDEN=1 draws it again' }, async () => {
    const call = processed('docs', 'fixtures/tencent-dual/pushes.json')
    const page = await open(fileUrl(call, 'report.html'), { width: 1200 })
    await page.screenshot({ path: path.join(root, 'core/docs/page.png'), fullPage: true })
    await page.close()
  })

  test('fits a telephone', async () => {
    const page = await open(fileUrl(file), { width: 360 })
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    assert.ok(width <= 360, `${width} pixels wide`)
    await page.close()
  })

  for (const [name, dark, open_] of [
    ['light', false, false],
    ['dark', true, false],
    ['with its table', false, true],
  ]) {
    test(`is accessible, ${name}`, async () => {
      const page = await open(fileUrl(out, 'report.html'), { dark })
      if (open_) await page.click('#table-box summary')
      await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'))
      const { violations, passes } = await page.evaluate(() =>
        globalThis.axe.run(document, { resultTypes: ['violations'] }),
      )
      const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
      const told = serious.map(
        (one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`,
      )
      assert.deepEqual(told, [])
      assert.ok(passes.length > 20, 'axe did look')
      await page.close()
    })
  }

  test('names that mean harm are names', async () => {
    const dir = folder('hostile')
    const manifest = JSON.parse(readFileSync(path.join(root, 'fixtures/short/manifest.json'), 'utf8'))
    manifest.id = HOSTILE[0]
    for (const [i, track] of manifest.tracks.entries()) {
      copyFileSync(path.join(root, 'fixtures/short', track.path), path.join(dir, track.path))
      track.party = HOSTILE[i]
    }
    writeFileSync(path.join(dir, 'manifest.json'), JSON.stringify(manifest))
    const out = processed('hostile-out', path.join(dir, 'manifest.json'), '--show-parties')
    const page = await open(fileUrl(out, 'report.html'))
    const found = await page.evaluate(() => ({
      hacked: globalThis.hacked ?? null,
      scripts: document.scripts.length,
      images: document.images.length,
      names: [...document.querySelectorAll('#lanes .who')].map((who) => who.textContent),
      title: document.title,
    }))
    assert.deepEqual([found.hacked, found.scripts, found.images], [null, 2, 0])
    assert.equal(found.names[0], HOSTILE[0])
    assert.ok(found.names[1].includes('木\u{1f600}') && found.names[1].includes('{{script}}'))
    assert.ok(found.title.includes('<script>'))
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    assert.ok(width <= 1280, `long names do not widen the page: ${width}`)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('without being asked it names nobody', async () => {
    const page = readFileSync(path.join(out, 'report.html'), 'utf8')
    const manifest = JSON.parse(readFileSync(path.join(root, 'fixtures/short/manifest.json'), 'utf8'))
    for (const { party, path: recording } of manifest.tracks) {
      for (const text of [party, recording]) if (text?.length > 4) assert.ok(!page.includes(text), text)
    }
  })

  test('an error, a repeated track and a call without figures are shown too', async () => {
    const data = designed()
    const lost = {
      ...data.report.tracks[0],
      index: 2,
      source: null,
      alignment: null,
      level: null,
      speech: [],
      bleed: [],
      events: [],
      error: { code: 'malformed', message: 'could not be read' },
    }
    data.report.tracks.push(lost)
    data.report.metrics = {
      ...data.report.metrics,
      byTrack: [],
      speechMs: null,
      nonTalkMs: null,
      nonTalk: null,
      overlapMs: null,
      interruptions: null,
      backchannels: null,
      responseMs: null,
      unavailable: 'alignment',
    }
    data.speakers.push('transfer')
    writeFileSync(path.join(out, 'poor.html'), withData(path.join(out, 'report.html'), { ...data, audio: null }))
    const page = await open(fileUrl(out, 'poor.html'))
    assert.match(
      await page.$eval('#cards', (cards) => cards.textContent),
      /not given: the tracks’ places are uncertain by ± 60 ms/,
    )
    assert.match(await page.$eval('.warnings', (list) => list.textContent), /malformed could not be read/)
    assert.ok(await page.$eval('#play', (button) => button.hidden))
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('wavesurfer.js draws the peaks of peaks.json', async () => {
    const page = await open(fileUrl(file))
    await page.setBypassCSP(true)
    await page.goto('about:blank')
    await page.evaluate(readFileSync(path.join(here, 'node_modules/wavesurfer.js/dist/wavesurfer.min.js'), 'utf8'))
    const json = JSON.parse(readFileSync(path.join(out, 'peaks.json'), 'utf8'))
    assert.deepEqual([json.version, json.channels, json.bits, json.data.length], [2, 2, 8, 2 * 2 * json.length])
    const seconds = (json.length * json.samples_per_pixel) / json.sample_rate
    const found = await page.evaluate(
      async (json, seconds) => {
        const box = document.body.appendChild(document.createElement('div'))
        box.style.width = '600px'
        const channels = Array.from({ length: json.channels }, (_, c) =>
          Array.from(
            { length: 2 * json.length },
            (_, i) => json.data[2 * ((i >> 1) * json.channels + c) + (i & 1)] / 128,
          ),
        )
        const surfer = globalThis.WaveSurfer.create({
          container: box,
          peaks: channels,
          duration: seconds,
          splitChannels: [{}, {}],
        })
        await new Promise((ready) => surfer.on('ready', ready))
        await new Promise((done) => setTimeout(done, 300))
        const decoded = surfer.getDecodedData()
        return {
          channels: decoded.numberOfChannels,
          duration: surfer.getDuration(),
          loudest: Math.max(...surfer.exportPeaks()[0].map(Math.abs)),
        }
      },
      json,
      seconds,
    )
    assert.equal(found.channels, 2)
    assert.ok(Math.abs(found.duration - seconds) < 0.01 && found.loudest > 0.1, JSON.stringify(found))
    await page.close()
  })
})
