// What the page's tests share: the program, the browser, pages that tell of every fault.
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import puppeteer from 'puppeteer-core'

export const here = path.dirname(fileURLToPath(import.meta.url))
export const root = path.resolve(here, '../..')
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target')
const program = process.env.CALLWEAVE ?? path.join(target, 'debug/callweave')

const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const chromium = process.env.CHROMIUM ?? browsers.find((file) => existsSync(file))

/** The reason to skip, where there is no browser or no program. */
export const skip = !chromium
  ? 'no Chromium on this machine (tests/run page installs it where it may)'
  : !existsSync(program)
    ? `no program at ${program}: cargo build --workspace --all-features --bins --examples`
    : false

const scratch = mkdtempSync(path.join(tmpdir(), 'callweave-page-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

/** A folder of this run. */
export function folder(name) {
  const made = path.join(scratch, name)
  mkdirSync(made, { recursive: true })
  return made
}

/** Processes a call into a folder; the folder. */
export function processed(name, inputs, ...options) {
  const out = folder(name)
  execFileSync(program, ['process', ...[inputs].flat(), '-o', out, '--portable', ...options], {
    cwd: root,
    stdio: 'pipe',
  })
  return out
}

/** A wav of 16-bit mono samples. */
export function wave(file, samples, rate) {
  const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + bytes.length, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(2 * rate, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(bytes.length, 40)
  writeFileSync(file, Buffer.concat([head, bytes]))
}

let browser
export async function launch() {
  browser = await puppeteer.launch({
    executablePath: chromium,
    headless: true,
    args: [
      '--no-sandbox',
      '--autoplay-policy=no-user-gesture-required',
      '--force-color-profile=srgb',
      '--font-render-hinting=none',
    ],
  })
  return browser
}
export const close = () => browser?.close()

/** Counts the reads of a blob that are under way in a page: samples are drawn when they are read. */
function watchReads() {
  globalThis.reading = 0
  const read = Blob.prototype.arrayBuffer
  Blob.prototype.arrayBuffer = async function () {
    globalThis.reading += 1
    try {
      return await read.call(this)
    } finally {
      globalThis.reading -= 1
    }
  }
}

/** Opens a page that counts what goes wrong on it: `page.faults`. */
export async function open(url, { dark = false, width = 1280, height = 900, before } = {}) {
  const page = await browser.newPage()
  page.faults = []
  page.on('console', (message) => {
    // The one about reading canvases back is about these tests.
    const ours = message.text().includes('willReadFrequently')
    if (['error', 'warn', 'warning'].includes(message.type()) && !ours) page.faults.push(message.text())
  })
  page.on('pageerror', (error) => page.faults.push(String(error)))
  page.on('dialog', (dialog) => {
    page.faults.push(`dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  page.on('request', (request) => {
    if (
      !/^(file|data|blob):/.test(request.url()) &&
      !request.url().startsWith(String(url).split('/').slice(0, 3).join('/'))
    ) {
      page.faults.push(`asks for ${request.url()}`)
    }
  })
  await page.setViewport({ width, height, deviceScaleFactor: 1 })
  await page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
    { name: 'prefers-reduced-motion', value: 'reduce' },
  ])
  await page.evaluateOnNewDocument(watchReads)
  if (before) await page.evaluateOnNewDocument(before)
  await page.goto(url)
  await page.waitForSelector('#cards section')
  return page
}

export const fileUrl = (...parts) => pathToFileURL(path.join(...parts)).href

/** Where the page stands in the call, in milliseconds. */
export const position = (page) => page.$eval('#timeline', (timeline) => Number(timeline.getAttribute('aria-valuenow')))

/** Waits until something holds in the page. */
export const until = (page, what, ...args) => page.waitForFunction(what, { timeout: 15000 }, ...args)

/** Waits until two frames are drawn: one hears what was asked for, the other shows it. */
const frames = (page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))

/** Waits until a page has drawn what was asked of it, with the samples that it reads for that. */
export async function painted(page) {
  await frames(page)
  await until(page, () => globalThis.reading === 0)
  await frames(page)
}

/** How much of a canvas is drawn on, and a hash of what is. */
export const drawn = (page, selector) =>
  page.$eval(selector, (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    let [hash, count] = [0, 0]
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3]) count++
      hash = (hash * 31 + data[i] + 3 * data[i + 1] + 7 * data[i + 2] + 11 * data[i + 3]) | 0
    }
    return { hash, share: count / (data.length / 4) }
  })

/**
 * Serves a folder with ranges, as any web server does; the address, and a function that stops it.
 */
export async function serve(dir) {
  const types = { '.html': 'text/html; charset=utf-8', '.wav': 'audio/wav', '.js': 'text/javascript' }
  const server = createServer((request, response) => {
    const file = path.join(dir, path.basename(new URL(request.url, 'http://x').pathname))
    if (!existsSync(file)) return response.writeHead(404).end()
    const { size } = statSync(file)
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const headers = {
      'content-type': types[path.extname(file)] ?? 'application/octet-stream',
      'accept-ranges': 'bytes',
    }
    const first = range ? Number(range[1]) : 0
    const last = range?.[2] ? Math.min(size - 1, Number(range[2])) : size - 1
    if (range) headers['content-range'] = `bytes ${first}-${last}/${size}`
    response.writeHead(range ? 206 : 200, { ...headers, 'content-length': last - first + 1 })
    createReadStream(file, { start: first, end: last }).pipe(response)
  })
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  return { address: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() }
}

/** A page with other data in it: what the scripts draw is what it says. */
export function withData(file, data) {
  const page = readFileSync(file, 'utf8')
  const [head, rest] = page.split('id="data">')
  const safe = JSON.stringify(data).replaceAll('<', '\\u003c')
  return `${head}id="data">${safe}${rest.slice(rest.indexOf('</script>'))}`
}
