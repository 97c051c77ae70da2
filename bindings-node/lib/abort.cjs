'use strict'

/**
 * What hears each signal: however many, the signal has one listener of ours, so that Node warns of
 * no leak.
 */
const heard = new WeakMap()

/** Calls `listener` when the signal is aborted; gives what takes that back. */
function onAbort(signal, listener) {
  if (!signal) return () => {}
  let hub = heard.get(signal)
  if (!hub) {
    const listeners = new Set()
    const tell = () => {
      for (const each of [...listeners]) each()
    }
    hub = { listeners, tell }
    heard.set(signal, hub)
    signal.addEventListener('abort', tell, { once: true })
  }
  hub.listeners.add(listener)
  return () => {
    hub.listeners.delete(listener)
    if (hub.listeners.size > 0 || heard.get(signal) !== hub) return
    heard.delete(signal)
    signal.removeEventListener('abort', hub.tell)
  }
}

/** What a promise comes to, or the signal's reason as soon as it is aborted. */
function unlessAborted(promise, signal) {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    const off = onAbort(signal, stop)
    promise.then(resolve, reject).finally(off)
  })
}

module.exports = { onAbort, unlessAborted }
