// What answers over http: pushes, calls that ended, how the service is.
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const LARGEST_PUSH = 256 << 10
const digest = (text) => createHash('sha256').update(text).digest()

/** The server of a service, to be told to listen. The secret stands in the path, which is not logged. */
export function door(service) {
  const secret = digest(service.settings.secret)
  return createServer({ requestTimeout: 30_000 }, async (request, response) => {
    const end = (status, value = {}) => {
      response.writeHead(status, { connection: 'close', 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    const url = new URL(request.url, 'http://service')
    const [, kind, given] = /^\/(push|listed|ended\/wellcloud)\/([^/]+)$/.exec(url.pathname) ?? []
    if (request.method === 'GET' && url.pathname === '/health') {
      const health = service.health()
      return end(health.ok ? 200 : 503, health)
    }
    if (!kind || !timingSafeEqual(digest(given), secret)) return end(404)
    if (request.method === 'GET') return kind === 'listed' ? end(200, service.outbox.listed()) : end(404)
    if (request.method !== 'POST' || kind === 'listed') return end(404)
    try {
      let text = ''
      for await (const chunk of request.setEncoding('utf8')) {
        text += chunk
        if (text.length > LARGEST_PUSH) return end(413)
      }
      if (kind === 'push') {
        const uuid = request.headers['x-tccc-push-uuid'] ?? null
        return end(200, service.push(url.searchParams.get('action') ?? '', uuid, text))
      }
      return end(service.callEnded('wellcloud', JSON.parse(text) ?? {}) ? 202 : 400)
    } catch (error) {
      if (error instanceof SyntaxError) return end(400, { ErrCode: 1, ErrMsg: 'not JSON' })
      // Not stored: the provider shall push again.
      return end(500, { ErrCode: 1, ErrMsg: 'not stored' })
    }
  })
}
