"""Why this exists: the page that says how much is held against R cannot drift from the kept tables.

Counts the figures in `tests/reference/r/*.csv` by part and data set, and renders them as
`docs/reference/against-r.md`.

Run it with `python benchmarks/against_r.py`: it fails when the page is not that of the tables, and
`--write` writes the page.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "tests" / "reference" / "r"
PAGE = ROOT / "docs" / "reference" / "against-r.md"

PARTS = {
    "survival_amlsg": ("Kaplan–Meier, log-rank, Cox and its residuals", "survival"),
    "survival_synthetic": ("the same on made-up patients with every kind of tie", "survival"),
    "curves": ("robust curves, log-rank relatives, Gray, Fine–Gray", "survival, cmprsk"),
    "cox_more": ("exact ties, penalties, frailty, splines, start–stop", "survival, glmnet"),
    "multistate": ("occupation, transitions, models, length of stay", "survival, mstate"),
    "performance": ("AUC, Brier, concordance, calibration", "riskRegression, survival"),
    "causal": ("propensity, weights, designs, averages, pooling, imputation", "survival, "
               "riskRegression, metafor, mice"),
    "random_effects": ("ridge, pairs of genes, exact tests", "survival, stats"),
    "studies": ("the exposures of the AMLSG study", "survival"),
}  # fmt: skip

SAME = {
    "trials": "amlsg",
    "remission": "amlsg",
    "filled": "amlsg",
    "platelets": "ebmt3",
    "districts": "leuksurv",
    "mgus2_age": "mgus2",
    "made_up": "synthetic",
}
"""Parts of a data set, and other names for it."""

HEAD = """\
# Reference: held against R

{figures:,} figures of {sets} data sets that R gave are kept in `tests/reference/r/`, with the
scripts that made them. Every build compares ours with them; where R and its packages are
installed, it also has R compute them again. Written by `python benchmarks/against_r.py --write`.

Accuracy asked for: coefficients and standard errors 1e-8, log-likelihood 1e-9, curves and their
standard errors 1e-12, robust ones 1e-8, log-rank family and Gray 1e-10, proportional hazards 1e-6,
concordance 1e-12, AUC and Brier 1e-6, multi-state probabilities 1e-10. Where a figure is held to
less, its test and the page of its method say why: maxima that R finds numerically (Firth,
estimated frailty variances), and integrals that it stops early (MaxCombo of four tests).

| what | R's packages | data sets | figures |
|---|---|---|---:|
"""


def page() -> str:
    """The page, from the tables."""
    lines, names, total = [], set[str](), 0
    for part, (what, packages) in PARTS.items():
        frame = pl.read_csv(TABLES / f"{part}.csv", infer_schema=False)
        sets = sorted({SAME.get(name, name) for name in _sets(frame, part)})
        lines.append(f"| {what} | {packages} | {', '.join(sets)} | {frame.height:,} |")
        names |= set(sets)
        total += frame.height
    return HEAD.format(figures=total, sets=len(names)) + "\n".join(lines) + "\n"


def _sets(frame: pl.DataFrame, part: str) -> list[str]:
    if "dataset" in frame.columns:
        return frame["dataset"].unique().to_list()
    return [part.removeprefix("survival_")]


def main() -> int:
    """Compare the page with the tables, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    wanted = parser.parse_args()
    if wanted.write:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
        print(f"{PAGE.name} is not that of the tables; run with --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
