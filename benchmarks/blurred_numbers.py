"""Why this exists: what blurred numbers buy, and what they cost, on the cut of the AMLSG trials.

By blur: the excess of guesses at days of survival and at white cells over 8 splits, how many of its
intervals lie above 0, and what theory makes of it. A number that is picked with chance q and lies
within 5 % of the truth with chance P, where others' do with chance c, is worth an excess of
q (P - c) / (1 - c). Then every attack without blur and with the blur of the test, and attackers
whom a blur does not stop: content with a rough number, or knowing one exactly. Then the cost under
40 keys: the largest change of a log hazard ratio, and the median of survival.

Run it with `python benchmarks/blurred_numbers.py`; the data are looked for in the directory that
`HAEMONY_SHARED_DATA` names, or else beside the checkout in `../shared/data`. It takes minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import norm

import haemony as hm
from haemony.analysis import survival
from haemony.intake.known import known
from haemony.privacy.attacks import (
    Categorical,
    Excess,
    Numeric,
    Rehearsal,
    halves,
    inference,
)
from haemony.privacy.blurring import Keyed, Seeded
from haemony.privacy.cut import cut
from haemony.privacy.policy import AttackPlan, Policy
from haemony.privacy.resistance import Tried, resist

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "reference"))
amlsg = import_module("test_amlsg_cut")  # the policy and the keys of the test

BLURS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6)
SPLITS = range(1, 9)
KEYS = 40
NUMBERS = ("os_days", "wbc")


def patients(folder: Path) -> pl.DataFrame:
    """The trials, as a release tells them."""
    trials = known("amlsg")
    if trials is None:
        raise SystemExit("the dictionary of the AMLSG trials is not installed")
    with tempfile.TemporaryDirectory() as place:
        given = hm.Contribution.load(trials, folder / "amlsg")
        workspace = amlsg.under_known_keys(given, Path(place) / "commons")
        return workspace.lake.latest().features(list(policy(0.0).columns))


def policy(blur: float) -> Policy:
    """The policy of the test, its numbers blurred as asked; 0 for not at all."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "policy.toml"
        path.write_text(amlsg.POLICY, encoding="utf-8")
        read = Policy.read(path)
    asked = [
        replace(one, blur=blur or None, together=one.together if blur else "") if one.blur else one
        for one in read.released
    ]
    return replace(read, released=tuple(asked))


def attacked(table: pl.DataFrame, blur: float) -> list[tuple[int, Tried]]:
    """Every attack on every split."""
    people, rules = table.drop("person_id"), policy(blur)
    return [(seed, one) for seed in SPLITS for one in resist(people, rules, AttackPlan(seed=seed))]


def by_blur(tried: dict[float, list[tuple[int, Tried]]]) -> pl.DataFrame:
    """Guesses at numbers: what they gain, and what they should."""
    rows = []
    for number in NUMBERS:
        picked = 0.0
        for blur, results in tried.items():
            outcomes = [o.outcome for _, o in results if o.outcome.aim.startswith(f"{number} ")]
            excess = float(np.mean([o.excess.estimate for o in outcomes]))
            control = float(np.mean([o.on_control.share for o in outcomes]))
            near = norm.cdf(np.log(1.05) / blur) - norm.cdf(np.log(0.95) / blur) if blur else 1.0
            picked = excess if not blur else picked
            theory = picked * (near - control) / (1 - control)
            above = sum(o.excess.interval.low > 0 for o in outcomes)
            rows.append((number, blur, near, control, excess, theory, above))
    names = ["number", "blur", "own within 5 %", "control", "excess", "theory", "above 0"]
    return pl.DataFrame(rows, names, orient="row")


def every_attack(results: list[tuple[int, Tried]]) -> pl.DataFrame:
    """The first split, and in which splits the interval lies above or below 0."""
    rows = []
    for aim in dict.fromkeys((o.outcome.attack.value, o.outcome.aim) for _, o in results):
        same = [o.outcome for _, o in results if (o.outcome.attack.value, o.outcome.aim) == aim]
        first = same[0]
        members, control, span = first.on_members, first.on_control, first.excess.interval
        rows.append(
            (
                f"{aim[0]}, {aim[1].partition(' from ')[0]}",
                f"{members.successes}/{members.attempts}",
                f"{control.successes}/{control.attempts}",
                f"{first.excess.estimate:.3f} ({span.low:.3f} to {span.high:.3f})",
                " ".join(f"{i + 1}" for i, o in enumerate(same) if o.excess.interval.low > 0),
                " ".join(f"{i + 1}" for i, o in enumerate(same) if o.excess.interval.high < 0),
            )
        )
    names = ["attack", "members", "control", "first split", "above 0", "below 0"]
    return pl.DataFrame(rows, names, orient="row")


def others(table: pl.DataFrame, blur: float) -> pl.DataFrame:
    """Attackers whom a blur does not stop: content with less, or knowing a number exactly."""
    rules = replace(policy(blur), suppression_limit=1.0)
    quasi = [one.column for one in rules.quasi_identifiers]
    aims: list[tuple[str, float, tuple[str, ...]]] = [
        (number, tolerance, ()) for tolerance in (0.1, 0.2, 0.5) for number in NUMBERS
    ]
    aims += [("NPM1", 0.05, also) for also in (("wbc",), ("os_days",), ("os_days", "wbc"))]
    found: dict[tuple[str, float, tuple[str, ...]], list[Excess]] = {aim: [] for aim in aims}
    people = table.select(rules.columns).sort(rules.columns)
    for seed in SPLITS:
        members, control = halves(people, seed)
        released = cut(members, rules, Seeded(seed)).frame
        for secret, tolerance, also in aims:
            columns = {
                name: Numeric(relative=tolerance) if kind.is_numeric() else Categorical()
                for name, kind in people.schema.items()
            }
            rehearsal = Rehearsal(released, members, control, columns)
            outcome = inference(rehearsal, secret, [*quasi, *also], attempts=2000, seed=seed)
            found[secret, tolerance, also].append(outcome.excess)
    rows = [
        (
            secret,
            tolerance,
            " and ".join(also),
            float(np.mean([one.estimate for one in excess])),
            sum(one.interval.low > 0 for one in excess),
        )
        for (secret, tolerance, also), excess in found.items()
    ]
    names = ["guessed", "tolerance", "known exactly beside the three", "excess", "above 0"]
    return pl.DataFrame(rows, names, orient="row")


def costs(table: pl.DataFrame, blur: float) -> tuple[list[float], list[float]]:
    """Under many keys: the largest change of a log hazard ratio, and the median of survival."""
    rules = policy(blur)
    formula, persons = rules.utility.formula if rules.utility else "", table["person_id"].to_list()
    before = survival.cox(formula, table).coefficients
    changes, medians = [], []
    for number in range(KEYS):
        draws = Keyed(number.to_bytes(32, "big"), persons)
        frame = cut(table.drop("person_id"), rules, draws).frame
        changes.append(float(np.abs(survival.cox(formula, frame).coefficients - before).max()))
        curve = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", frame)
        medians.append(curve.curves[0].median.value)
    return changes, medians


def main() -> int:
    """Attack and compare."""
    folder = Path(os.environ.get("HAEMONY_SHARED_DATA", ROOT.parent / "shared" / "data"))
    table = patients(folder)
    tried = {blur: attacked(table, blur) for blur in BLURS}
    with pl.Config(
        tbl_rows=40, tbl_cols=-1, fmt_str_lengths=60, tbl_width_chars=150, float_precision=4
    ):
        print(by_blur(tried))
        for blur in (0.0, amlsg.BLUR):
            print(f"blur {blur}", every_attack(tried[blur]), others(table, blur))
    for blur in BLURS[1:]:
        changes, medians = costs(table, blur)
        over = sum(change > 0.05 for change in changes)
        print(
            f"blur {blur}: largest change {np.median(changes):.3f} in the median, "
            f"{max(changes):.3f} at most, above 0.05 under {over} of {KEYS} keys; "
            f"median survival {np.median(medians):.0f} ({min(medians):.0f} to {max(medians):.0f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
