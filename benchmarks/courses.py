"""Why this exists: what the risk of event data costs for the largest table planned for.

150,000 persons with 30 events each in silico, five precisions, p = 1 to 5, one subset drawn of
every person for each. Prints the curve, wall and processor time, and memory.

Run it with `python benchmarks/courses.py`.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import polars as pl

from haemony.privacy.courses import course_curve, curve_table

PERSONS, EVENTS, KINDS = 150_000, 30, 60


def events(rng: np.random.Generator) -> pl.DataFrame:
    """Kinds of unequal frequency, days that spread over five years."""
    frequency = 1 / np.arange(1, KINDS + 1)
    rows = PERSONS * EVENTS
    return pl.DataFrame(
        {
            "person": np.repeat(np.arange(PERSONS), EVENTS),
            "event": rng.choice(KINDS, rows, p=frequency / frequency.sum()),
            "day": rng.exponential(500, rows).astype(np.int64).clip(0, 1825),
        }
    )


def peak() -> float:
    """The most memory held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure."""
    before = peak()
    table = events(np.random.default_rng(1))
    made = peak()
    wall, processor = time.perf_counter(), time.process_time()
    curve = curve_table(course_curve(table, draws=1, people=PERSONS))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    with pl.Config(tbl_rows=30, tbl_cols=20, tbl_width_chars=160):
        print(curve)
    print(f"{wall:.1f} s wall, {processor:.1f} s processor")
    print(f"{before:.0f} MB after imports, {made:.0f} with the table, {peak():.0f} at the peak")
    return 0


if __name__ == "__main__":
    sys.exit(main())
