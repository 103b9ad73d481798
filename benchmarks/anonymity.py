"""Anonymisation measured: seconds, memory, loss, and what the best known result is.

Run ``python benchmarks/anonymity.py --data FOLDER`` where FOLDER holds ``anonymization_adult``, the
public census data with their hierarchies. Each line is one process of its own; its seconds are the
best of ``--repeat`` runs of the whole call (collapse, search, recode, risk before and after), its
memory is the peak above imports and input rows (Linux only). ``--peer PYTHON`` names an interpreter
that has pyCANON; it checks k on the same rows.

The table of 16 quasi-identifiers and the jitter of the million rows are in silico.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from haemony.privacy import Recoding, anonymise, risk
from haemony.privacy.anonymity import DistinctLDiversity, Effort, Hierarchy, KAnonymity

Prepared = tuple[pl.DataFrame, Mapping[str, Hierarchy]]
Figures = dict[str, float | str]

PEER = """
import json, sys, time
import pandas
from pycanon import anonymity
rows = pandas.read_csv(sys.argv[1], sep=";", dtype=str)
columns = list(rows.columns)
times = []
for _ in range(int(sys.argv[2])):
    start, cpu = time.perf_counter(), time.process_time()
    k = anonymity.k_anonymity(rows, columns)
    times.append((time.perf_counter() - start, time.process_time() - cpu))
print(json.dumps({"seconds": min(t[0] for t in times), "cpu": min(t[1] for t in times), "k": k}))
"""


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes:
        prepare: Makes the rows and hierarchies; not timed.
        run: What is timed.
        reference: The best result known, or the aim.
    """

    prepare: Callable[[Path], Prepared]
    run: Callable[[pl.DataFrame, Mapping[str, Hierarchy]], Figures]
    reference: str


def adult(data: Path) -> Prepared:
    """The census data: 30,162 rows, 9 quasi-identifiers, a lattice of 12,960 nodes."""
    folder = data / "anonymization_adult"
    rows = pl.read_csv(folder / "adult.csv", separator=";", infer_schema=False)
    return rows, {
        name: Hierarchy.read(name, folder / f"adult_hierarchy_{name}.csv") for name in rows.columns
    }


def million(data: Path) -> Prepared:
    """The census data drawn a million times; a tenth of the cells anew, ages moved by up to 3."""
    rows, hierarchies = adult(data)
    draw = np.random.default_rng(20240501)
    many = 1_000_000
    drawn = rows[draw.integers(0, rows.height, many)]
    columns = {}
    for name in rows.columns:
        cells = drawn[name].to_numpy().copy()
        anew = draw.random(many) < 0.1
        cells[anew] = rows[name].to_numpy()[draw.integers(0, rows.height, anew.sum())]
        if name == "age":
            moved = cells.astype(int) + draw.integers(-3, 4, many)
            cells = np.clip(moved, 1, 100).astype(str)
        columns[name] = pl.Series(cells, dtype=pl.String)
    return pl.DataFrame(columns), hierarchies


def sixteen(_data: Path) -> Prepared:
    """30,000 in-silico rows, 16 correlated quasi-identifiers of 3 levels: 43,046,721 nodes."""
    draw = np.random.default_rng(1)
    rows = 30_000
    latent = draw.normal(size=(rows, 3))
    columns, hierarchies = {}, {}
    for number in range(16):
        leaves = (4, 6, 8, 12, 20)[number % 5]
        score = 0.6 * (latent @ draw.normal(size=3)) + draw.normal(size=rows)
        value = np.clip(np.floor((score + 3) / 6 * leaves), 0, leaves - 1).astype(int)
        name, wide = f"q{number:02d}", max(2, leaves // 3)
        columns[name] = [f"v{leaf:02d}" for leaf in value]
        hierarchies[name] = Hierarchy.of_rows(
            name, [(f"v{leaf:02d}", f"g{leaf // wide}", "*") for leaf in range(leaves)]
        )
    return pl.DataFrame(columns), hierarchies


def recode(
    k: int,
    limit: float,
    recoding: Recoding,
    effort: Effort = Effort(),  # noqa: B008 it is frozen
) -> Callable[[pl.DataFrame, Mapping[str, Hierarchy]], Figures]:
    """Anonymise all columns."""

    def run(rows: pl.DataFrame, hierarchies: Mapping[str, Hierarchy]) -> Figures:
        found = anonymise(
            rows,
            hierarchies,
            [KAnonymity(k)],
            suppression_limit=limit,
            recoding=recoding,
            effort=effort,
        )
        said: Figures = {"loss": float(found.loss.total), "suppressed": found.suppressed}
        if found.proof:
            said |= {"evaluated": found.proof.evaluated, "gap": found.proof.gap}
        return said

    return run


def diverse(limit: float) -> Callable[[pl.DataFrame, Mapping[str, Hierarchy]], Figures]:
    """Anonymise all columns but occupation, of which each class keeps three values."""

    def run(rows: pl.DataFrame, hierarchies: Mapping[str, Hierarchy]) -> Figures:
        found = anonymise(
            rows,
            {name: each for name, each in hierarchies.items() if name != "occupation"},
            [KAnonymity(5), DistinctLDiversity("occupation", 3)],
            suppression_limit=limit,
            recoding=Recoding.FULL_DOMAIN,
        )
        return {"loss": float(found.loss.total), "suppressed": found.suppressed}

    return run


def check_k(rows: pl.DataFrame, _hierarchies: Mapping[str, Hierarchy]) -> Figures:
    """The smallest class of all columns together."""
    return {"k": risk(rows, rows.columns).smallest_class}


FULL, LOCAL = Recoding.FULL_DOMAIN, Recoding.LOCAL
WITHIN = Effort(seconds=18.0)

CASES: dict[str, Case] = {
    "full domain, k 5, limit 0 %": Case(adult, recode(5, 0.0, FULL), "0.635543847"),
    "full domain, k 5, limit 5 %": Case(adult, recode(5, 0.05, FULL), "0.269634663, 1346"),
    "full domain, k 5, limit 100 %": Case(adult, recode(5, 1.0, FULL), "0.227700323, 2553"),
    "full domain, k 11, limit 0 %": Case(adult, recode(11, 0.0, FULL), "0.635543847"),
    "full domain, k 11, limit 5 %": Case(adult, recode(11, 0.05, FULL), "0.329523214, 1507"),
    "full domain, k 11, limit 100 %": Case(adult, recode(11, 1.0, FULL), "0.274448655, 4223"),
    "3-diverse, k 5, limit 0 %": Case(adult, diverse(0.0), "0.625"),
    "3-diverse, k 5, limit 5 %": Case(adult, diverse(0.05), "0.1799"),
    "3-diverse, k 5, limit 100 %": Case(adult, diverse(1.0), "0.1736"),
    "local, k 5, limit 100 %": Case(adult, recode(5, 1.0, LOCAL), "0.058938"),
    "local, k 11, limit 100 %": Case(adult, recode(11, 1.0, LOCAL), "0.086136"),
    "16 columns, full domain, k 5, limit 0 %": Case(
        sixteen, recode(5, 0.0, FULL, WITHIN), "in 20 s, with gap"
    ),
    "16 columns, full domain, k 5, limit 5 %": Case(
        sixteen, recode(5, 0.05, FULL, WITHIN), "in 20 s, with gap"
    ),
    "16 columns, full domain, k 5, limit 100 %": Case(
        sixteen, recode(5, 1.0, FULL, WITHIN), "in 20 s, with gap"
    ),
    "16 columns, local, k 5, limit 100 %": Case(sixteen, recode(5, 1.0, LOCAL), ""),
    "1,000,000 rows, full domain, k 12, limit 5 %": Case(million, recode(12, 0.05, FULL), "60 s"),
    "1,000,000 rows, local, k 12, limit 5 %": Case(million, recode(12, 0.05, LOCAL), "60 s"),
    "check of k": Case(adult, check_k, "1"),
}


def resident(field: str) -> int:
    """Resident memory in kilobytes, as the kernel counts it; writing 5 resets its peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{field}:")[1].split()[0])


def child(name: str, data: Path, repeat: int) -> None:
    """Do one case and print what it took as one line of JSON."""
    case = CASES[name]
    rows, hierarchies = case.prepare(data)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    seconds, cpu = [], []
    for _ in range(repeat):
        start, used = time.perf_counter(), time.process_time()
        said = case.run(rows, hierarchies)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    grown = (resident("VmHWM") - before) * 1024 / 1e6
    print(json.dumps({"seconds": min(seconds), "cpu": min(cpu), "peak": grown, "said": said}))


def measure(name: str, data: Path, repeat: int) -> str:
    """Run one case in a process of its own; its line of the table."""
    often = 1 if CASES[name].prepare is not adult else repeat
    command = [sys.executable, __file__, "--case", name, "--data", data, "--repeat", often]
    ended = subprocess.run(
        [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True
    )
    got = json.loads(ended.stdout.splitlines()[-1])
    said = ", ".join(
        f"{key} {value:.9f}" if isinstance(value, float) else f"{key} {value:,}"
        for key, value in got["said"].items()
    )
    figures = f"{got['seconds']:.3f} | {got['cpu']:.3f} | {got['peak']:.0f}"
    return f"| {name} | {figures} | {said} | {CASES[name].reference} |"


def peer(python: Path, data: Path, repeat: int) -> str:
    """The peer's check of k on the same rows; its line of the table."""
    rows, _ = adult(data)
    with TemporaryDirectory(prefix="haemony-benchmark-") as folder:
        file = Path(folder) / "rows.csv"
        rows.write_csv(file, separator=";")
        command = [str(python), "-c", PEER, str(file), str(repeat)]
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    got = json.loads(ended.stdout.splitlines()[-1])
    return f"| check of k, pyCANON | {got['seconds']:.3f} | {got['cpu']:.3f} | | k {got['k']} | 1 |"


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("HAEMONY_SHARED_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=shared, help="folder of the public data")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each case; the best counts")
    parser.add_argument("--peer", type=Path, help="a Python interpreter that has pyCANON")
    parser.add_argument("--case", choices=list(CASES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        child(given.case, given.data, given.repeat)
        return
    print("| case | seconds | CPU seconds | MB above input | result | reference |")
    print("|---|---:|---:|---:|---|---|")
    for name in CASES:
        print(measure(name, given.data, given.repeat), flush=True)
    if given.peer:
        print(peer(given.peer, given.data, given.repeat))


if __name__ == "__main__":
    main()
