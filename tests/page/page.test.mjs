// The page of a call in a real browser: it loads, plays, seeks, zooms, mutes, and is quiet on the
// console.
import assert from 'node:assert/strict'
import { cpSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import pixelmatch from 'pixelmatch'
import { PNG } from 'pngjs'
import {
  close,
  drawn,
  fileUrl,
  folder,
  launch,
  open,
  painted,
  position,
  processed,
  serve,
  skip,
  until,
  wave,
} from './shared.mjs'

/** Keeps the gains that a page makes where a test can see them. */
function watchGains() {
  globalThis.gains = []
  const make = AudioContext.prototype.createGain
  AudioContext.prototype.createGain = function () {
    const gain = make.call(this)
    globalThis.gains.push(gain)
    return gain
  }
}

/** How many milliseconds of the call the timeline shows, read off its two ends. */
async function shown(page) {
  const box = await (await page.$('#timeline')).boundingBox()
  const at = async (x) => {
    await page.mouse.move(x, box.y + 60)
    const [minutes, seconds] = (await page.$eval('#readout', (text) => text.textContent))
      .split(' · ')[0]
      .split(':')
      .slice(-2)
    return 1000 * (60 * Number(minutes) + Number(seconds))
  }
  return (await at(box.x + box.width - 1)) - (await at(box.x + 1))
}

const muted = (page) => page.$$eval('.mute', (buttons) => buttons.map((button) => button.getAttribute('aria-pressed')))

describe('the page of a call', { skip }, () => {
  let out
  before(async () => {
    await launch()
    out = processed('dual', 'fixtures/tencent-dual/pushes.json')
  })
  after(close)

  test('plays from disk, seeks and answers keys', async () => {
    const page = await open(fileUrl(out, 'report.html'))
    await until(page, () => document.getElementById('audio').readyState > 0)
    const box = await (await page.$('#timeline')).boundingBox()
    await page.mouse.click(box.x + box.width / 2, box.y + 60)
    const half = await position(page)
    assert.ok(Math.abs(half - 26500) < 300, `the middle of 53 s: ${half}`)
    await page.keyboard.press('Space')
    await until(page, () => !document.getElementById('audio').paused)
    await until(page, (from) => Number(document.getElementById('timeline').ariaValueNow) > from + 200, half)
    assert.equal(await page.$eval('#play', (button) => button.getAttribute('aria-label')), 'Pause')
    await page.keyboard.press('Space')
    await until(page, () => document.getElementById('play').ariaLabel === 'Play')
    const stopped = await position(page)
    const heard = await page.$eval('#audio', (audio) => 1000 * audio.currentTime)
    assert.ok(Math.abs(heard - stopped) < 250, `${heard} is heard, ${stopped} is shown`)
    await page.keyboard.press('ArrowRight')
    assert.ok(Math.abs((await position(page)) - stopped - 5000) <= 1)
    await page.focus('#timeline')
    await page.keyboard.press('Home')
    assert.equal(await position(page), 0)
    await page.keyboard.press('n')
    assert.ok((await position(page)) > 3000, 'the first turn')
    await page.keyboard.press('ArrowUp')
    assert.equal(await page.$eval('#audio', (audio) => audio.playbackRate), 1.25)
    await page.select('#speed', '2')
    assert.equal(await page.$eval('#audio', (audio) => audio.playbackRate), 2)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('zooms and goes back', async () => {
    const page = await open(fileUrl(out, 'report.html'))
    const [all, whole] = [await drawn(page, '#detail'), await shown(page)]
    assert.ok(all.share > 0.1 && Math.abs(whole - 53000) < 500, JSON.stringify([all, whole]))
    await page.click('#zoom-in')
    await page.click('#zoom-in')
    await until(page, () => !document.getElementById('zoom-fit').disabled)
    assert.ok(Math.abs((await shown(page)) - whole / 4) < 300)
    await painted(page)
    assert.notEqual((await drawn(page, '#detail')).hash, all.hash)
    await page.keyboard.press('0')
    await page.mouse.move(0, 0)
    await until(page, () => document.getElementById('zoom-fit').disabled)
    await painted(page)
    assert.equal((await drawn(page, '#detail')).hash, all.hash)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('says how to mute from disk, and mutes and shows samples once the file is opened', async () => {
    const page = await open(fileUrl(out, 'report.html'), { before: watchGains })
    await page.keyboard.press('1')
    assert.match(await page.$eval('#note', (note) => note.textContent), /Open it here once/)
    assert.ok(await page.$eval('#open', (button) => !button.hidden && document.activeElement === button))
    assert.deepEqual(await muted(page), ['false', 'false'], 'nothing is claimed that cannot be heard')
    const wrong = path.join(folder('wrong'), 'other.wav')
    cpSync('../../fixtures/short/agent.wav', wrong)
    await (await page.$('#file')).uploadFile(wrong)
    await until(page, () => document.getElementById('note').textContent.includes('not the mix of this call'))
    await (await page.$('#file')).uploadFile(path.join(out, 'mix.wav'))
    await until(page, () => document.getElementById('open').hidden)
    await page.keyboard.press('1')
    await until(page, () => document.querySelector('.mute').getAttribute('aria-pressed') === 'true')
    assert.deepEqual(await page.evaluate(() => globalThis.gains.map((gain) => gain.gain.value)), [0, 1])
    await page.click('.mute')
    assert.deepEqual(await page.evaluate(() => globalThis.gains.map((gain) => gain.gain.value)), [1, 1])
    await page.focus('#timeline')
    for (let i = 0; i < 20; i++) await page.keyboard.press('+')
    const seen = await shown(page)
    assert.ok(seen <= 3, `40 samples at 16 kHz are 2.5 ms: ${seen} ms`)
    assert.ok((await drawn(page, '#detail')).share > 0.02)
    await page.keyboard.press('Space')
    await until(page, () => document.getElementById('audio').currentTime > 0.2)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('reads every format of a mix: the same samples are drawn', async () => {
    const seen = {}
    for (const format of ['wav', 'wav-ulaw', 'flac']) {
      const made = processed(`format-${format}`, 'fixtures/short/manifest.json', '--format', format)
      const page = await open(fileUrl(made, 'report.html'), { before: watchGains })
      await (await page.$('#file')).uploadFile(path.join(made, format === 'flac' ? 'mix.flac' : 'mix.wav'))
      await until(
        page,
        () =>
          document.getElementById('audio').src.startsWith('blob:') && document.getElementById('audio').readyState > 0,
      )
      const box = await (await page.$('#timeline')).boundingBox()
      await page.mouse.click(box.x + box.width * 0.3, box.y + 60)
      await page.focus('#timeline')
      for (let i = 0; i < 8; i++) await page.keyboard.press('+')
      await page.mouse.move(0, 0)
      await painted(page)
      seen[format] = PNG.sync.read(Buffer.from(await (await page.$('#detail')).screenshot()))
      await page.keyboard.press('1')
      assert.deepEqual(await page.evaluate(() => globalThis.gains.map((gain) => gain.gain.value)), [0, 1], format)
      assert.deepEqual(page.faults, [], format)
      await page.close()
    }
    const { width, height } = seen.wav
    const apart = (a, b) => pixelmatch(a.data, b.data, null, width, height, { threshold: 0.1 }) / (width * height)
    const blank = new PNG({ width, height, fill: true })
    assert.equal(apart(seen.wav, seen.flac), 0)
    assert.ok(apart(seen.wav, seen['wav-ulaw']) < 0.01, `${apart(seen.wav, seen['wav-ulaw'])}`)
    assert.ok(apart(seen.wav, blank) > 0.05, 'there is a picture')
  })

  test('shows every piece of a call of several', async () => {
    const pieces = processed('pieces', 'fixtures/wellcloud/recordings2.json')
    const page = await open(fileUrl(pieces, 'report.html'))
    const { tracks } = JSON.parse(await page.$eval('#data', (data) => data.textContent)).report
    const count = tracks.reduce((sum, track) => sum + Math.max(1, track.pieces?.length ?? 0), 0)
    const cards = await page.$$eval('#cards section', (all) =>
      all.map((card) => [card.querySelector('h2').textContent, card.querySelectorAll('tbody tr').length]),
    )
    assert.equal(Object.fromEntries(cards).Recordings, count)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('mutes at once where the audio is embedded, with no file beside it', async () => {
    const embedded = processed('embedded', 'fixtures/short/manifest.json', '--embed-audio')
    const alone = folder('alone')
    cpSync(path.join(embedded, 'report.html'), path.join(alone, 'call.html'))
    assert.ok(statSync(path.join(alone, 'call.html')).size > (4 / 3) * statSync(path.join(embedded, 'mix.wav')).size)
    const page = await open(fileUrl(alone, 'call.html'), { before: watchGains })
    await until(page, () => document.getElementById('audio').readyState > 0)
    await page.keyboard.press('2')
    assert.deepEqual(await page.evaluate(() => globalThis.gains.map((gain) => gain.gain.value)), [1, 0])
    await page.keyboard.press('Space')
    await until(page, () => document.getElementById('audio').currentTime > 0.2)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('reads ranges of the mix from a server', async () => {
    const server = await serve(out)
    const page = await open(`${server.address}/report.html`, { before: watchGains })
    await until(page, () => {
      const button = document.querySelector('.mute')
      if (button.getAttribute('aria-pressed') !== 'true') button.click()
      return button.getAttribute('aria-pressed') === 'true'
    })
    assert.deepEqual(await page.evaluate(() => globalThis.gains.map((gain) => gain.gain.value)), [0, 1])
    assert.equal(await page.$eval('#note', (note) => note.textContent), '')
    assert.deepEqual(page.faults, [])
    await page.close()
    server.stop()
  })

  test('tells when its audio is gone', async () => {
    const lonely = folder('lonely')
    cpSync(path.join(out, 'report.html'), path.join(lonely, 'report.html'))
    const page = await open(fileUrl(lonely, 'report.html'))
    await until(page, () => document.getElementById('note').textContent.includes('cannot be played'))
    await page.keyboard.press('ArrowRight')
    assert.equal(await position(page), 5000, 'it can still be looked at')
    await page.close()
  })

  test('has a table of everything, whose buttons go there', async () => {
    const page = await open(fileUrl(out, 'report.html'))
    await page.click('#table-box summary')
    await page.waitForSelector('#table tbody tr')
    const rows = await page.$$eval('#table tbody tr', (all) => all.map((row) => row.textContent))
    const { speech, events, bleed } = await page.evaluate(() => {
      const { tracks } = JSON.parse(document.getElementById('data').textContent).report
      const sum = (key) => tracks.reduce((count, track) => count + track[key].length, 0)
      return { speech: sum('speech'), events: sum('events'), bleed: sum('bleed') }
    })
    assert.equal(rows.filter((row) => row.includes('speech')).length, speech)
    assert.ok(rows.length >= speech + events + bleed)
    await (await page.$$('#table tbody button')).at(-1).click()
    assert.ok((await position(page)) > 40000)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('shows what was redacted, and what is wrong with the recordings', async () => {
    const dead = path.join(folder('dead'), 'dead.wav')
    wave(dead, new Int16Array(30 * 8000), 8000)
    const out = processed(
      'redacted',
      ['fixtures/keypad-hold/customer.mp3', dead],
      '--redact-keys',
      '--redact',
      '1000-2000',
    )
    const { call, outcome, redacted, integrity } = JSON.parse(readFileSync(path.join(out, 'report.json')))
    const page = await open(fileUrl(out, 'report.html'))
    const facts = await page.$eval('#facts', (told) => told.innerText)
    assert.ok(facts.startsWith(`${Math.round(100 * outcome.confidence)} % likely`), facts)
    const card = (name) =>
      page.$$eval(`section[aria-labelledby=card-${name}] :is(tbody tr, .reasons li)`, (rows) =>
        rows.map((row) => row.innerText),
      )
    const rows = await card('redacted')
    assert.equal(rows.length, redacted.length)
    assert.ok(redacted.length > 1 && rows[0].startsWith('0:00.8'), rows[0])
    const found = await card('integrity')
    assert.deepEqual(
      integrity.map(({ code }) => code),
      ['dead_track', 'one_way_audio'],
    )
    assert.equal(found.length, integrity.length)
    assert.ok(found.length > 0 && found.every((row, i) => row.includes(integrity[i].message)), found.join())
    assert.ok((await page.$eval('#legend', (legend) => legend.innerText)).includes('redacted'))
    // The bar lies where the sound was: the ink of the redacted second, and none beside it.
    const ink = await page.$eval(
      '#detail',
      (canvas, total) => {
        const at = (ms) => [
          ...canvas.getContext('2d').getImageData(Math.round((ms / total) * canvas.width), 24 + 37 - 7, 1, 1).data,
        ]
        return [at(1500), at(2600)]
      },
      call.durationMs,
    )
    assert.equal(ink[0][3], 255)
    assert.notDeepEqual(ink[0], ink[1])
    assert.deepEqual(page.faults, [])
  })

  test('prints in ink on paper, without its controls', async () => {
    const page = await open(fileUrl(out, 'report.html'), { dark: true })
    const dark = await drawn(page, '#detail')
    await page.emulateMediaType('print')
    await painted(page)
    assert.equal(await page.$eval('.bar', (bar) => getComputedStyle(bar).display), 'none')
    assert.equal(await page.$eval('html', (html) => getComputedStyle(html).backgroundColor), 'rgb(255, 255, 255)')
    assert.notEqual((await drawn(page, '#detail')).hash, dark.hash, 'drawn again in the colours of paper')
    await page.setViewport({ width: 700, height: 1000 })
    const cut = await page.$$eval('.scroll', (all) =>
      all.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.getAttribute('aria-label')),
    )
    assert.deepEqual(cut, [], 'paper cannot be scrolled')
    const pdf = await page.pdf({ format: 'A4' })
    assert.ok(pdf.length > 10000)
    await page.close()
  })

  test('a mix of one channel plays, and has the parties’ waveforms all the same', async () => {
    const mono = processed('mono', 'fixtures/short/manifest.json', '--layout', 'mono')
    const page = await open(fileUrl(mono, 'report.html'))
    assert.equal((await page.$$('.mute')).length, 0, 'there is no channel to mute')
    assert.ok((await drawn(page, '#detail')).share > 0.1)
    await page.keyboard.press('Space')
    await until(page, () => document.getElementById('audio').currentTime > 0.1)
    assert.deepEqual(page.faults, [])
    await page.close()
  })

  test('an hour is below 3 MB, and quickly there', async (t) => {
    const hour = folder('hour-in')
    for (const party of ['customer', 'agent']) {
      const file = readFileSync(`../../fixtures/short/${party}.wav`)
      const once = new Int16Array(
        file.buffer.slice(file.byteOffset + 44, file.byteOffset + file.length - ((file.length - 44) % 2)),
      )
      const samples = new Int16Array(3600 * 8000)
      for (let at = 0; at < samples.length; at += once.length) samples.set(once.subarray(0, samples.length - at), at)
      wave(path.join(hour, `${party}.wav`), samples, 8000)
    }
    const out = processed(
      'hour',
      [path.join(hour, 'customer.wav'), path.join(hour, 'agent.wav')],
      '--roles',
      'customer,agent',
    )
    const { size } = statSync(path.join(out, 'report.html'))
    assert.ok(size < 3e6, `${size} bytes`)
    const page = await open(fileUrl(out, 'report.html'))
    assert.ok((await drawn(page, '#detail')).share > 0.1)
    const times = await page.evaluate(() => ({
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
      ready: performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,
    }))
    t.diagnostic(
      `${(size / 1e6).toFixed(2)} MB; drawn after ${Math.round(times.ready)} ms, first paint after ${Math.round(times.paint)} ms`,
    )
    await (await page.$('#file')).uploadFile(path.join(out, 'mix.wav'))
    await page.evaluate(() => document.getElementById('table-box').scrollIntoView())
    await until(page, () => document.getElementById('audio').src.startsWith('blob:'))
    await page.focus('#timeline')
    await page.keyboard.press('End')
    await page.keyboard.press('PageDown')
    for (let i = 0; i < 24; i++) await page.keyboard.press('+')
    await page.evaluate(() => scrollTo(0, 0))
    assert.ok((await shown(page)) <= 6, '40 samples at 8 kHz are 5 ms')
    assert.deepEqual(page.faults, [])
    await page.close()
  })
})
