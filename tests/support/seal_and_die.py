"""Seal, relay or receive, and be killed at the step that is asked for.

Usage: ``seal_and_die.py seal|relay|receive STEP PARTY POST [CONTRIBUTION]``. A step is one write of
a file or one entry of a ledger. A kill is SIGKILL: no clean-up runs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import haemony as hm
from haemony.admission import receive
from haemony.governance import GovernanceStore
from haemony.lake import lake, store
from haemony.parties import Partner, Trustee, partner, trustee


def counted(action: Callable[..., Any], steps: list[int], last: int) -> Callable[..., Any]:
    """The action, before which this process may end as in a power cut."""

    def step(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        steps.append(1)
        if len(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return action(*given, **named)

    return step


def main() -> None:
    """Do what is asked, and die on the way."""
    act, last, party, post = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    steps: list[int] = []
    store.Store.put = counted(store.Store.put, steps, last)  # type: ignore[method-assign]
    for module in (partner, trustee, lake):
        module.write_bytes = counted(store.write_bytes, steps, last)  # type: ignore[attr-defined]
    for name in ("note", "remember", "record"):
        original = getattr(GovernanceStore, name)
        setattr(GovernanceStore, name, counted(original, steps, last))
    now = datetime.now(UTC)
    if act == "seal":
        Partner(party).seal(hm.Contribution.load(Path(sys.argv[5])), post, now=now, again=True)
    elif act == "relay":
        Trustee(party).relay(next(post.glob("*.identities.haemony")), post, now=now)
    else:
        both = [next(post.glob(f"*.{part}.haemony")) for part in ("payload", "keys")]
        receive(both, hm.Workspace(party), now=now)


if __name__ == "__main__":
    main()
