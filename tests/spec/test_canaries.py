"""After a crash at any step, no planted patient number and no key lies where it does not belong."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from haemony.parties import Party
from support.contributions import SMALL, contribution
from support.three_parties import ThreeParties, three_parties

PROGRAM = Path(__file__).parents[1] / "support" / "seal_and_die.py"
CANARIES = {"A": "canaryalpha", "B": "canarybravo", "C": "canarycharlie"}


def run(act: str, step: int, party: Party, post: Path, temporary: Path, *more: Path) -> int:
    """Run one act in a process of its own that dies at a step; gives its return code."""
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, PROGRAM, act, str(step), party.folder, post, *more],
        env={"TMPDIR": str(temporary), "PYTHONPATH": ":".join(sys.path), "PATH": ""},
        capture_output=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert not any(canary.encode() in said for canary in CANARIES.values())
    return done.returncode


def planted(parties: ThreeParties) -> tuple[list[bytes], list[bytes]]:
    """Patient numbers and pseudonyms, and the keys of all parties as text and bytes."""
    site = parties.partner.site
    numbers = [canary.encode() for canary in CANARIES.values()]
    pseudonyms = [site.pseudonym(canary) for canary in CANARIES.values()]
    spelled = [pseudonym.hex().encode() for pseudonym in pseudonyms]
    secret = []
    for party in (parties.partner, parties.trustee, parties.platform):
        for name in party.keys.names:
            text = party.keys.text(name)
            secret.append(text.encode())
            if not text.startswith("AGE"):
                secret.append(bytes.fromhex(text))
    return [*numbers, *pseudonyms, *spelled], secret


def holding(folder: Path, texts: list[bytes], *, besides: str = "\0") -> list[str]:
    """Files below a folder that hold one of the texts."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and besides not in str(path.relative_to(folder))
        and any(text in path.read_bytes() for text in texts)
    ]


@pytest.mark.parametrize("act", ["seal", "relay", "receive"])
def test_nothing_lies_about_after_a_crash(act: str, tmp_path: Path) -> None:
    """Killed before each write in turn, each act leaves no plain text, and then succeeds."""
    parties = three_parties(tmp_path / "all")
    rows = SMALL
    for letter, canary in CANARIES.items():
        rows = rows.replace(f"\n{letter},", f"\n{canary},")
    source = tmp_path / "source"
    contribution(source, rows)
    post, temporary = parties.post, tmp_path / "tmp"
    post.mkdir()
    order = ["seal", "relay", "receive"]
    for earlier in order[: order.index(act)]:
        assert run(earlier, 0, side(parties, earlier), post, temporary, source) == 0
    texts, secrets = planted(parties)

    died = 0
    for step in range(1, 60):
        code = run(act, step, side(parties, act), post, temporary, source)
        outside = [*holding(tmp_path / "all" / "platform", texts), *holding(post, texts)]
        assert not outside
        assert not holding(temporary, [*texts, *secrets])
        assert not holding(tmp_path / "all", secrets, besides="keys/")
        assert not holding(parties.trustee.folder, texts[:3])
        if code == 0:
            break
        assert code == -signal.SIGKILL
        died += 1

    assert code == 0
    assert died >= 2


def side(parties: ThreeParties, act: str) -> Party:
    """Who does what."""
    return {"seal": parties.partner, "relay": parties.trustee, "receive": parties.platform}[act]
