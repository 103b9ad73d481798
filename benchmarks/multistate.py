"""Multi-state estimates: how fast they are, and how often their intervals hold the truth.

Run ``python benchmarks/multistate.py`` for the speed on up to a million made-up patients (seconds
of processor time) and for the coverage of 95 % intervals in 1,000 runs of 300 patients each, with
``--runs`` for another number. The truth is an illness–death process with known hazards; in the
second process the hazard of death falls with the time since falling ill, so that it is not Markov.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.linalg import expm

from haemony.analysis import multistate as ms

MOMENTS = [ms.Moment("ill", "ill_day"), ms.Moment("dead", "day", status="died")]
RATES = {"ill": 1 / 400, "dead": 1 / 900, "dead when ill": 1 / 300}
LANDMARK, HORIZON = 365.0, 1000.0
PATIENTS = 300


def courses(
    n: int, rng: np.random.Generator, *, markov: bool = True, censored: bool = True
) -> pl.DataFrame:
    """Patients who fall ill or not and die; the covariate doubles the hazard of falling ill."""
    x = rng.integers(0, 2, n)
    ill = rng.exponential(1 / RATES["ill"], n) / 2.0**x
    dead = rng.exponential(1 / RATES["dead"], n)
    after = rng.exponential(1 / RATES["dead when ill"], n)
    if not markov:
        after = 600 * rng.weibull(0.5, n)
    dead = np.where(ill < dead, ill + after, dead)
    end = np.minimum(dead, rng.uniform(500, 2500, n)) if censored else dead
    return pl.DataFrame(
        {
            "x": x,
            "ill_day": np.where(ill < end, ill, np.nan),
            "day": end,
            "died": (dead <= end).astype(int),
        }
    )


def told(table: pl.DataFrame) -> ms.Histories:
    """Their histories."""
    return ms.histories(table, ms.ILLNESS_DEATH, MOMENTS, until="day")


def truth(x: int, begin: float, end: float) -> np.ndarray:
    """(S, S) transition probabilities of the Markov process."""
    ill, dead, worse = RATES["ill"] * 2**x, RATES["dead"], RATES["dead when ill"]
    rates = np.array([[-ill - dead, ill, dead], [0, -worse, worse], [0, 0, 0]])
    return np.asarray(expm(rates * (end - begin)))


def covers(frame: pl.DataFrame, state: str, value: float) -> bool:
    """Whether the interval of a state holds a value."""
    row = frame.filter(pl.col("state") == state).row(0, named=True)
    return bool(row["lower"] is not None and row["lower"] <= value <= row["upper"])


def coverage(runs: int) -> None:
    """Print how many of the intervals hold the truth."""
    rng = np.random.default_rng(20_260_101)
    both = (truth(0, 0, HORIZON)[0, 1] + truth(1, 0, HORIZON)[0, 1]) / 2
    grid = np.linspace(0, HORIZON, 2001)
    inside = [(truth(0, 0, t)[0, 1] + truth(1, 0, t)[0, 1]) / 2 for t in grid]
    stay = float(np.trapezoid(inside, grid))
    huge = courses(2_000_000, rng, markov=False, censored=False)
    there = (huge["ill_day"] <= LANDMARK) & (huge["day"] > LANDMARK)
    lasting = float((huge.filter(there)["day"].to_numpy() > HORIZON).mean())
    hits: dict[str, int] = {}
    for _ in range(runs):
        h = told(courses(PATIENTS, rng))
        share = ms.occupation(h)
        fit = ms.transition_cox(h, {"healthy -> ill": "x"})
        now = fit.predict({"x": 1}, since=LANDMARK)
        bent = told(courses(PATIENTS, rng, markov=False))
        product = ms.transition_probabilities(ms.hazards(bent), since=LANDMARK)
        landed = ms.occupation(bent.landmark("ill", LANDMARK))
        answers = {
            "share ill at 1,000 days (jackknife)": (share.at(HORIZON), both),
            "mean days ill within 1,000 (jackknife)": (share.stay(HORIZON), stay),
            "P(healthy at 365 -> ill at 1,000) of one patient, Cox": (
                now.at(HORIZON, "healthy"),
                truth(1, LANDMARK, HORIZON)[0, 1],
            ),
            "not Markov: P(ill at 365 -> ill at 1,000), product of hazards": (
                product.at(HORIZON, "ill"),
                lasting,
            ),
            "not Markov: the same, landmark": (landed.at(HORIZON), lasting),
        }
        for name, (frame, value) in answers.items():
            hits[name] = hits.get(name, 0) + covers(frame, "ill", value)
    print(f"{runs} runs of {PATIENTS} patients: intervals of 95 % that hold the truth")
    for name, count in hits.items():
        print(f"{count / runs:7.3f}  {name}")


def speed() -> None:
    """Print processor seconds by size."""
    rng = np.random.default_rng(1)
    print("patients   histories  occupation with SE  P(s,t) with SE  Cox, 3 transitions")
    for n in (10_000, 100_000, 1_000_000):
        table = courses(n, rng).with_columns(pl.col("ill_day", "day").ceil())
        seconds = []

        def timed(call: Callable[[], object], into: list[float] = seconds) -> object:
            begin = time.process_time()
            found = call()
            into.append(time.process_time() - begin)
            return found

        h = timed(lambda table=table: told(table))
        timed(lambda h=h: ms.occupation(h))
        timed(lambda h=h: ms.transition_probabilities(ms.hazards(h)).variance)
        timed(lambda h=h: ms.transition_cox(h, "x"))
        print(f"{n:9,}" + "".join(f"{s:15.2f}" for s in seconds))
    print(f"largest resident set {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    arguments = parser.parse_args()
    speed()
    coverage(arguments.runs)
