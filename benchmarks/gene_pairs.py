"""All pairs of alterations in the AMLSG trials: which change survival together, and how fast.

Run ``python benchmarks/gene_pairs.py [--data DIR]``. It makes a release of the trials and asks it
for the alterations that at least twenty patients carry. Sums of others (FLT3 of any kind, IDH2 of
any codon, complex and normal karyotypes, copies that finer columns repeat) are left out. Time is
that of the tests and the permutations alone; the target is 60 seconds on two cores.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from amlsg_prediction import COPY_NUMBER, FUSIONS, GENES, ROOT, release

from haemony.analysis import genomics, survival
from haemony.analysis.survival import printing

SUMS = {"complex_karyotype", "monosomal_karyotype"}
ALTERATIONS = tuple(name for name in (*GENES, *FUSIONS, *COPY_NUMBER) if name not in SUMS)
FORMULA = "Surv(os_days, os_event) ~ strata(study)"
MOST_SECONDS = 60
KNOWN_PAIRS = (("DNMT3A", "NPM1"), ("KIT", "t_8_21"), ("RUNX1", "SRSF2"))
TRIO = ("NPM1", "FLT3_ITD", "DNMT3A")


def main() -> None:
    """Count, test and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "amlsg")
    parser.add_argument("--permutations", type=int, default=100)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="haemony-benchmark-") as folder:
        table = release(given.data, Path(folder)).features(
            ["os_days", "os_event", "study", *ALTERATIONS]
        )
    together = genomics.comutation(table, ALTERATIONS, least=20)
    for pair in KNOWN_PAIRS:
        row = together.pair(*pair)
        print(f"{' and '.join(pair)}: {row['both']} patients, odds ratio {row['odds_ratio']:.2f}")
    trio = table.with_columns(genomics.genotypes(table, TRIO))
    curves = survival.kaplan_meier("Surv(os_days, os_event) ~ genotype", trio)
    print(printing.grid(curves.at([5 * 365.25]).select("group", "survival", "n_risk")))
    begin, cpu = time.perf_counter(), time.process_time()
    found = genomics.interactions(
        FORMULA, table, ALTERATIONS, permutations=given.permutations, workers=2
    )
    seconds, used = time.perf_counter() - begin, time.process_time() - cpu
    print(found)
    likely = int((found.q_permutation < 0.1).sum())
    print(f"{likely} pairs at a permutation false discovery rate below 10 %")
    verdict = "within" if seconds <= MOST_SECONDS else "beyond"
    print(f"{seconds:.1f} seconds on two threads, {used:.1f} CPU seconds: {verdict} {MOST_SECONDS}")


if __name__ == "__main__":
    main()
