// A quick probe reads the head of a stream and closes it.
import assert from 'node:assert/strict'
import { createReadStream, readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { probe } from 'callweave'
import './shared.mjs'

const STEREO = 'fixtures/stereo/call.wav'

test('a stream is read no further than its head', async () => {
  const stream = createReadStream(STEREO, { highWaterMark: 16384 })
  const { head } = await probe(stream, { quick: true })
  assert.deepEqual([head.channels, head.declaredDurationMs], [2, 26060])
  assert.ok(stream.destroyed && stream.bytesRead < 100_000, String(stream.bytesRead))
  let given = 0
  const web = new ReadableStream({
    pull(controller) {
      given += 16384
      controller.enqueue(new Uint8Array(readFileSync(STEREO).subarray(given - 16384, given)))
    },
  })
  assert.deepEqual((await probe(web, { quick: true })).head, head)
  assert.ok(given < 150_000, String(given))
})

test('an address that says nothing more after its head is answered for', async (t) => {
  const server = createServer((_, response) => {
    response.writeHead(200)
    response.write(readFileSync(STEREO).subarray(0, 300_000))
  }).listen(0)
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const { head } = await probe(new URL(`http://127.0.0.1:${server.address().port}/`), { quick: true })
  assert.equal(head.channels, 2)
})

test('a stream is told the same of as its file', async () => {
  const paths = ['keypad-hold', 'codecs', 'voipbin'].flatMap((folder) =>
    readdirSync(`fixtures/${folder}`).map((name) => `fixtures/${folder}/${name}`),
  )
  for (const name of paths) {
    const [file, stream] = await Promise.all([
      probe(name, { quick: true }),
      probe({ source: createReadStream(name), name }, { quick: true }),
    ])
    // Of a stream that goes on, nobody knows the length.
    for (const { head } of [file, stream]) if (head) delete head.bytes
    assert.deepEqual(stream, file)
  }
})
