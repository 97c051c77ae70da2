"""The console command `callweave`: the same program as the Rust one."""

from __future__ import annotations

import signal
import sys

from callweave import _callweave

__all__ = ["main"]


def main() -> int:
    """Runs the program with this process's arguments, and returns its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _callweave.run_program(["callweave", *sys.argv[1:]])
