"""Why this exists: how often the attacks cry wolf, so whether their intervals are wide enough.

On 100 random halves of the AMLSG trials, released as a table about nobody and as an honest cut
(sex, age and study in classes of at least 12), counts how many 95 % intervals of the excess lie
wholly above 0 and wholly below 0; 2.5 of 100 each are promised. For singling out also without the
widening for predicates about the same people.

Run it with `python benchmarks/false_alarms.py`; the data are looked for in the directory that
`HAEMONY_SHARED_DATA` names, or else beside the checkout in `../shared/data`. It takes some minutes.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "reference"))

import test_attacks_amlsg as amlsg  # noqa: E402

from haemony.privacy.attacks import Attack, Outcome  # noqa: E402

SPLITS = 100


def main() -> int:
    """Count."""
    folder = Path(os.environ.get("HAEMONY_SHARED_DATA", ROOT.parent / "shared" / "data"))
    patients = amlsg.read(folder)
    above: dict[tuple[str, str], int] = defaultdict(int)
    below: dict[tuple[str, str], int] = defaultdict(int)

    def count(release: str, outcome: Outcome) -> None:
        interval = outcome.excess.interval
        above[release, outcome.aim] += interval.low > 0
        below[release, outcome.aim] += interval.high < 0

    for seed in range(SPLITS):
        for outcome in amlsg.every_attack(amlsg.unrelated(patients, seed), seed):
            count("about nobody", outcome)
        for outcome in amlsg.attacks_by_quasi_identifiers(amlsg.honest(patients, seed), seed):
            count("honest", outcome)
            if outcome.attack is Attack.SINGLING_OUT:
                count("honest, not widened", replace(outcome, spread=1.0))
    rows = [(*key, above[key], below[key]) for key in above]
    with pl.Config(tbl_rows=40, fmt_str_lengths=60, tbl_width_chars=120):
        print(pl.DataFrame(rows, ["release", "aim", "above 0", "below 0"], orient="row"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
