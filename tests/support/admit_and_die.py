"""Admit a contribution and be killed on the way: at the step, or the moment, that is asked for.

Usage: ``admit_and_die.py WORKSPACE CONTRIBUTION (step N | after SECONDS)``. The seconds count from
the beginning of the admission. A kill is SIGKILL: no clean-up runs.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import haemony as hm


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Admit, and die as asked."""
    workspace, folder, how, when = sys.argv[1:5]
    given = hm.Contribution.load(Path(folder))
    opened = hm.Workspace(workspace)
    steps = 0

    def watch(_step: str) -> None:
        nonlocal steps
        steps += 1
        if how == "step" and steps == int(when):
            die()

    if how == "after":
        threading.Thread(target=lambda: (time.sleep(float(when)), die()), daemon=True).start()
    hm.admit([given], opened, watch)


if __name__ == "__main__":
    main()
