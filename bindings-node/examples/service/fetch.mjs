// Fetches what a push names, and nothing else: a push comes from outside, and so do the addresses in it.
import { lookup as resolve } from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import { BlockList, isIP } from 'node:net'

/** An address or an answer that the guard does not let pass. */
export class Refused extends Error {}

// What is not the public internet: IANA's special-purpose registries, and multicast.
const notPublic = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]) {
  notPublic.addSubnet(network, bits, 'ipv4')
}
// Of IPv6 only 2000::/3 is handed out; in it what leads elsewhere: documentation, 6to4, Teredo and its neighbours.
const publicV6 = new BlockList()
publicV6.addSubnet('2000::', 3, 'ipv6')
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
])
  notPublic.addSubnet(network, bits, 'ipv6')

function isPublic(address) {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return !notPublic.check(address, family) && (family === 'ipv4' || publicV6.check(address, family))
}

/**
 * What may be fetched. `allowedHosts` are host names, or domains with a dot in front: `.myqcloud.com` is every host below
 * it. `allowPrivate` is for tests against this machine only: it lets private addresses and other ports pass.
 */
export function guardOf({
  allowedHosts,
  maxBytes = 256 * 2 ** 20,
  maxMs = 120_000,
  allowPrivate = false,
  lookup = resolve,
}) {
  return { allowedHosts, maxBytes, maxMs, allowPrivate, lookup }
}

/** Refuses an address by its text; the host's address that is to be connected to. */
export async function check(url, guard) {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!['http:', 'https:'].includes(url.protocol) || url.username || url.password) {
    throw new Refused(`${url.protocol} only http and https, without a user`)
  }
  if (!guard.allowedHosts.some((known) => host === known || (known.startsWith('.') && host.endsWith(known)))) {
    throw new Refused(`${host}: not an allowed host`)
  }
  if (url.port !== '' && !guard.allowPrivate) throw new Refused(`${host}:${url.port}: only the usual ports`)
  const found = await guard.lookup(host, { all: true }).catch((error) => {
    throw new Refused(`${host}: ${error.message}`)
  })
  if (!guard.allowPrivate && !found.every(({ address }) => isPublic(address)))
    throw new Refused(`${host}: a private address`)
  return found[0]
}

/**
 * The bytes at an address. Connects to the very address that was checked, so a name that changes its mind between the two
 * is no way in; the certificate is still checked against the name. Redirects are answers like any other: refused.
 */
export async function fetchTrack(text, guard) {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url) throw new Refused('no address')
  const { address, family } = await check(url, guard)
  const pinned = (_host, options, done) =>
    options.all ? done(null, [{ address, family }]) : done(null, address, family)
  const signal = AbortSignal.timeout(guard.maxMs)
  try {
    const answer = await new Promise((resolve, reject) => {
      const options = { lookup: pinned, agent: false, signal, headers: { 'Accept-Encoding': 'identity' } }
      const client = url.protocol === 'https:' ? https : http
      client.get(url, options, resolve).on('error', reject)
    })
    const bytes = await bytesOf(answer, url, guard)
    // A body without a length ends like any other when the connection is cut.
    signal.throwIfAborted()
    return bytes
  } catch (error) {
    throw signal.aborted ? new Refused(`${url.hostname}: not done after ${guard.maxMs} ms`) : error
  }
}

async function bytesOf(answer, url, guard) {
  if (answer.statusCode !== 200) {
    answer.destroy()
    throw new Refused(`${url.hostname}: answered ${answer.statusCode}`)
  }
  const chunks = []
  let size = 0
  for await (const chunk of answer) {
    size += chunk.length
    if (size > guard.maxBytes) throw new Refused(`${url.hostname}: more than ${guard.maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
