// A small client of MCloud's Call Recording API.
import { setTimeout as pause } from 'node:timers/promises'
import { provider } from 'callweave'

/** An answer that a retry did not cure or could not. */
export class ApiFailure extends Error {
  constructor(error) {
    super(`${error.status} ${error.code}: ${error.message}`)
    this.error = error
  }
}

export class Api {
  /** The API at `url`, such as `https://phone.mcloud.co.th/api/v1`; `business` where the token is an account's. */
  constructor({ url, token, business, tries = 5, pauseMs = 1000 }) {
    Object.assign(this, { url, token, business, tries, pauseMs })
  }

  /** Posts a recording: its id and the address for its audio. Posting it again is the same recording. */
  create(body) {
    return this.#ask('POST', '/recordings', body)
  }

  /** Adds a review to a recording. */
  patch(id, body) {
    return this.#ask('PATCH', `/recordings/${encodeURIComponent(id)}`, body)
  }

  /** Has the recording transcribed and summed up. */
  extract(id) {
    return this.#ask('POST', `/recordings/${encodeURIComponent(id)}/reextract`)
  }

  /** Puts the audio where `create` said. */
  async upload(url, audio, contentType) {
    await this.#tried(url, { method: 'PUT', headers: { 'content-type': contentType }, body: audio })
  }

  async #ask(method, path, body) {
    const headers = {}
    if (this.token) headers.authorization = `Bearer ${this.token}`
    if (this.business !== undefined) headers['x-business-id'] = this.business
    if (body !== undefined) headers['content-type'] = 'application/json'
    const text = await this.#tried(this.url + path, { method, headers, body: body && JSON.stringify(body) })
    return text === '' ? undefined : JSON.parse(text)
  }

  /** The answer to a request that may be repeated, as all of these may; each pause is twice as long as the one before. */
  async #tried(url, request) {
    for (let left = this.tries - 1, ms = this.pauseMs; ; left -= 1, ms *= 2) {
      try {
        const answer = await fetch(url, { ...request, redirect: 'error', signal: AbortSignal.timeout(30_000) })
        const text = await answer.text()
        const error = provider.mcloud.readError(answer.status, text)
        if (!error) return text
        if (!error.retryable || left === 0) throw new ApiFailure(error)
      } catch (error) {
        if (error instanceof ApiFailure || left === 0) throw error
      }
      await pause(ms)
    }
  }
}
