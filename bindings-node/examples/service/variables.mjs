// Variables of the environment, each checked: what makes no sense is refused by name.
import { MOMENT, unixMs } from './moments.mjs'

const KEY = /^[!-~]{1,1024}$/
const BASE = /^https?:\/\/[!-~]+$/
const HOST = /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/
const NUMBER = /^[0-9]{1,9}(\.[0-9]{1,9})?$/
/** A year. */
const LONGEST_S = 31_536_000

/** What is told of a variable that makes no sense. Keys and the secret are not shown. */
export const wrong = (name, found, expected) => new Error(`${name}: found ${found}, expected ${expected}`)

/** The variables. An empty one is as one that is not there. */
export class Variables {
  constructor(env) {
    this.env = env
  }

  text(name) {
    return this.env[name] || undefined
  }

  /** The text, if it is as it should be. */
  matching(name, text, pattern, expected) {
    if (!pattern.test(text)) throw wrong(name, `'${text}'`, expected)
    return text
  }

  oneOf(name, ...known) {
    const text = this.text(name)
    if (text !== undefined && !known.includes(text)) throw wrong(name, `'${text}'`, known.join(' or '))
    return text
  }

  /** Seconds in milliseconds. */
  ms(name, otherwise, { least = 0, most = LONGEST_S } = {}) {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const seconds = NUMBER.test(text) ? Number(text) : Number.NaN
    if (!(seconds >= least && seconds <= most)) throw wrong(name, `'${text}'`, `${least} to ${most} seconds`)
    return seconds * 1000
  }

  moment(name) {
    const text = this.text(name)
    if (text === undefined) return undefined
    const at = unixMs(text)
    if (at === null) throw wrong(name, `'${text}'`, MOMENT)
    return at
  }

  hosts(name, otherwise) {
    const hosts = (this.text(name) ?? otherwise).split(',').map((host) => host.trim().toLowerCase())
    for (const host of hosts) this.matching(name, host, HOST, 'hosts such as .myqcloud.com,files.example.com')
    return hosts
  }

  /**
   * How a service is asked: its keys by the names that `steps` has for them, and its address; null
   * without a key.
   */
  api(base, keys) {
    const found = {}
    for (const [part, name] of Object.entries(keys)) {
      const text = this.text(name)
      if (text === undefined) continue
      if (!KEY.test(text)) throw wrong(name, `${text.length} characters`, 'a key of letters, digits and signs')
      found[part] = text
    }
    const address = this.text(base)
    if (address !== undefined) this.matching(base, address, BASE, 'an address such as https://host/path')
    if (Object.keys(found).length === 0) return null
    return address === undefined ? found : { ...found, base: address }
  }

  /** Refuses variables that nothing uses without a key. */
  onlyWith(key, given, ...names) {
    for (const name of names) {
      if (!given && this.text(name) !== undefined) throw wrong(name, 'it', `${key} beside it`)
    }
  }
}
