"""Work on sessions and postings, each for itself."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Workers"]

AT_ONCE = 4


class Workers:
    """A few threads for each lane: what waits for a slow server holds up nothing of another lane,
    and of its own three others at most. No key is worked on twice at once."""

    def __init__(self, failed: Callable[[Exception], None], done: Callable[[], None]) -> None:
        self._failed, self._done = failed, done
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._busy: dict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def offer(self, lane: str, key: str, work: Callable[[], None]) -> bool:
        """Begins with a piece of work, if its lane has a thread for it; whether it does."""
        with self._lock:
            busy = self._busy[lane]
            if key in busy or len(busy) >= AT_ONCE or self._stopping.is_set():
                return False
            busy.add(key)
            pool = self._pools.setdefault(lane, ThreadPoolExecutor(AT_ONCE))
        pool.submit(self._run, lane, key, work)
        return True

    def _run(self, lane: str, key: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            # Not even its failure could be stored: the place stays taken for a second, or it would
            # be tried at once.
            self._failed(error)
            self._stopping.wait(1.0)
        with self._lock:
            self._busy[lane].discard(key)
        self._done()

    def busy(self) -> set[str]:
        """What is worked on."""
        with self._lock:
            return {key for keys in self._busy.values() for key in keys}

    def stop(self) -> None:
        """Ends behind what is being worked on."""
        self._stopping.set()
        for pool in list(self._pools.values()):
            pool.shutdown(cancel_futures=True)
