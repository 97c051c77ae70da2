'use strict'

// Which addresses may be connected to: they come from outside, in pushes and answers.

const { lookup } = require('node:dns/promises')
const { BlockList, isIP } = require('node:net')

/** An address that the guard does not let pass. */
class Refused extends Error {
  name = 'Refused'
}

/** A name that cannot be resolved now: a connection that failed. */
class Unresolved extends Error {}

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
// Of IPv6 only 2000::/3 is handed out; in it what leads elsewhere: documentation, 6to4, Teredo and
// its neighbours.
const publicV6 = new BlockList()
publicV6.addSubnet('2000::', 3, 'ipv6')
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]) {
  notPublic.addSubnet(network, bits, 'ipv6')
}

function isPublic(address) {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return !notPublic.check(address, family) && (family === 'ipv4' || publicV6.check(address, family))
}

/** What may be fetched; with its defaults every public host on the usual ports. */
class Guard {
  constructor({
    allowedHosts = null,
    allowPrivate = false,
    maxBytes = 512 * 2 ** 20,
    maxRedirects = 5,
    resolve = lookup,
  } = {}) {
    Object.assign(this, { allowedHosts, allowPrivate, maxBytes, maxRedirects, resolve })
    Object.freeze(this)
  }

  /** The address to connect to, so that a name cannot change its mind behind the check. */
  async address(url) {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (!['http:', 'https:'].includes(url.protocol) || url.username || url.password) {
      throw new Refused(`${url.protocol} only http and https, without a user`)
    }
    const known = (name) => host === name || (name.startsWith('.') && host.endsWith(name))
    if (this.allowedHosts && !this.allowedHosts.some(known)) throw new Refused(`${host}: not an allowed host`)
    if (url.port !== '' && !this.allowPrivate) throw new Refused(`${host}:${url.port}: only the usual ports`)
    const found = await this.resolve(host, { all: true }).catch((error) => {
      throw new Unresolved(`${host}: ${error.message}`)
    })
    if (!this.allowPrivate && !found.every(({ address }) => isPublic(address))) {
      throw new Refused(`${host}: a private address`)
    }
    return found[0]
  }
}

module.exports = { Guard, Refused }
