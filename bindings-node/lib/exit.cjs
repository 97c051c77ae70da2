'use strict'

// A process that exits waits for what libuv's threads do: work in hand is stopped then, so that it
// exits at once.

const live = new Set()

function stopAll() {
  for (const cancel of live) cancel.cancel()
}

/**
 * Has work stopped by its switch where the process exits before the work is done; gives what says
 * that it is done.
 */
function stoppedAtExit(cancel) {
  if (live.size === 0) process.on('exit', stopAll)
  live.add(cancel)
  return () => {
    live.delete(cancel)
    if (live.size === 0) process.off('exit', stopAll)
  }
}

module.exports = { stoppedAtExit }
