// What answers over http: pushes, calls that ended, how the service is.
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const LARGEST_PUSH = 256 << 10
const digest = (text) => createHash('sha256').update(text).digest()

/**
 * The server of a service, to be told to listen. The secret stands in the path, which is not
 * logged.
 */
export function door(service) {
  const secret = digest(service.settings.secret)
  return createServer({ requestTimeout: 30_000 }, async (request, response) => {
    const [status, value = {}] = await answer(service, secret, request).catch(failed)
    response.writeHead(status, { connection: 'close', 'content-type': 'application/json' }).end(JSON.stringify(value))
  })
}

/** The status and the body for a request. */
async function answer(service, secret, request) {
  const url = new URL(request.url, 'http://service')
  const [, kind, given] = /^\/(push|listed|ended\/wellcloud)\/([^/]+)$/.exec(url.pathname) ?? []
  if (request.method === 'GET' && url.pathname === '/health') {
    const health = service.health()
    return [health.ok ? 200 : 503, health]
  }
  if (!kind || !timingSafeEqual(digest(given), secret)) return [404]
  if (request.method === 'GET') return kind === 'listed' ? [200, service.outbox.listed()] : [404]
  if (request.method !== 'POST' || kind === 'listed') return [404]
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    chunks.push(chunk)
    size += chunk.length
    if (size > LARGEST_PUSH) return [413]
  }
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
  if (kind === 'push') {
    const uuid = request.headers['x-tccc-push-uuid'] ?? null
    return [200, service.push(url.searchParams.get('action') ?? '', uuid, text)]
  }
  return [service.callEnded('wellcloud', JSON.parse(text) ?? {}) ? 202 : 400]
}

/** The answer to a request that no answer could be given to. */
function failed(error) {
  if (error.code === 'ERR_INVALID_URL') return [400]
  if (error instanceof SyntaxError || error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return [400, { ErrCode: 1, ErrMsg: 'not JSON' }]
  // Not stored: the provider shall push again.
  return [500, { ErrCode: 1, ErrMsg: 'not stored' }]
}
