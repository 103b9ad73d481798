"""The door of the command line: thin, so that it can be left while all else is being loaded."""

from __future__ import annotations

import os
import signal
from importlib import import_module

STOPPED = "haemony: stopped; nothing is left half done\n"
INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it; interrupted before it runs, leave with one line and 130.

    A signal during imports would otherwise show whichever library was being loaded, or be taken by
    it for a fault of its own. Nothing has been done by then, so leaving at once loses nothing.
    """
    before = signal.signal(signal.SIGINT, lambda _number, _frame: _leave())
    command_line = import_module("haemony.services.cli")
    signal.signal(signal.SIGINT, before)
    command_line.main()


def _leave() -> None:
    os.write(2, STOPPED.encode())
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
