"""Load a vocabulary and be killed at a step, as a power cut would.

Usage: ``load_and_die.py SOURCE WORKSPACE STEP``. A kill is SIGKILL: no clean-up runs.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from haemony.harmonise.vocabulary import load


def main() -> None:
    """Load, and die when the step begins."""
    source, workspace, last = sys.argv[1:4]

    def watch(step: str) -> None:
        if step.startswith(last):
            os.kill(os.getpid(), signal.SIGKILL)

    load(Path(source), Path(workspace), watch)


if __name__ == "__main__":
    main()
