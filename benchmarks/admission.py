"""Admission and study of the in-silico benchmark population: seconds, memory, and how both grow.

Run ``python benchmarks/admission.py`` for 15,300 and 153,000 in-silico patients in 60
contributions, with ``--large`` also for 1,530,000 in 600. Each measurement is one process of its
own, its start and imports included; memory is the largest resident set the kernel saw. The slope
compares a row with the one above it: log(t2/t1) / log(n2/n1), 1 where time grows as the data.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import haemony as hm
from haemony.analysis import survival
from haemony.analysis.synthetic import write_benchmark

SIZES = ((15_300, 60), (153_000, 60))
LARGE = (1_530_000, 600)

ELEMENTS = (
    "age_at_diagnosis",
    "sex",
    "study",
    "wbc",
    "haemoglobin",
    "platelets",
    "NPM1",
    "FLT3_ITD",
    "TP53",
    "complex_karyotype",
    "os_days",
    "os_event",
)
CURVES = "Surv(os_days, os_event) ~ NPM1"
MODEL = (
    "Surv(os_days, os_event) ~ age_at_diagnosis + sex + wbc + platelets + NPM1 + FLT3_ITD + TP53"
    " + complex_karyotype + strata(study)"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one child process took.

    Attributes:
        seconds: Wall time of the whole process.
        cpu: CPU time of its user code and system calls, in seconds.
        peak: Largest resident set, in megabytes (10⁶ bytes).
        found: What it did, in figures that must not change between runs.
    """

    seconds: float
    cpu: float
    peak: float
    found: Mapping[str, float]


def admit(data: Path, workspace: Path) -> dict[str, float]:
    """Admit all contributions of a folder into a fresh workspace as one release."""
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    contributions = [hm.Contribution.load(folder) for folder in folders]
    release = hm.admit(contributions, hm.Workspace.init(workspace)).release
    members = release.manifest.members
    return {
        "contributions": len(members),
        "patients": sum(member.patients for member in members),
        "lowest level": min(member.level for member in members),
        "rows": sum(part.rows for part in release.manifest.partitions),
        "megabytes": sum(part.bytes for part in release.manifest.partitions) / 1e6,
    }


def study(_data: Path, workspace: Path) -> dict[str, float]:
    """Ask the release for a dozen columns; estimate survival curves and a Cox model."""
    table = hm.Workspace(workspace).lake.latest().features(list(ELEMENTS))
    curves = survival.kaplan_meier(CURVES, table)
    fit = survival.cox(MODEL, table)
    return {
        "patients": table.height,
        "median survival (d), NPM1 mutated": curves["NPM1=positive"].median.value,
        "hazard ratio, NPM1 mutated": math.exp(fit.coefficients[fit.names.index("NPM1[positive]")]),
        "events in the model": fit.events,
    }


TASKS: dict[str, Callable[[Path, Path], dict[str, float]]] = {"admit": admit, "study": study}


def child(task: str, data: Path, workspace: Path) -> None:
    """Do one task and print what it took as one line of JSON."""
    found = TASKS[task](data, workspace)
    used = resource.getrusage(resource.RUSAGE_SELF)
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime + below.ru_utime + below.ru_stime
    peak = max(used.ru_maxrss, below.ru_maxrss) * 1024 / 1e6
    print(json.dumps({"cpu": cpu, "peak": peak, "found": found}))


def measure(task: str, data: Path, workspace: Path) -> Measured:
    """Run one task in a process of its own."""
    command = [sys.executable, __file__, "--task", task, "--data", data, "--workspace", workspace]
    start = time.perf_counter()
    ended = subprocess.run(
        [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True
    )
    seconds = time.perf_counter() - start
    return Measured(seconds, **json.loads(ended.stdout.splitlines()[-1]))


def population(base: Path, patients: int, contributions: int) -> Path:
    """The benchmark population, written unless it is there already."""
    folder = base / f"in-silico-{patients}-in-{contributions}"
    done = folder / "complete"
    if not done.is_file():
        start = time.perf_counter()
        write_benchmark(folder, patients, contributions)
        done.write_text("in silico\n", encoding="utf-8")
        seconds = time.perf_counter() - start
        print(f"wrote {patients:,} in-silico patients in {seconds:.1f} s", file=sys.stderr)
    return folder


def measured(base: Path, sizes: list[tuple[int, int]]) -> Iterator[tuple[str, int, Measured]]:
    """Measure both tasks for every size."""
    for patients, contributions in sizes:
        data = population(base, patients, contributions)
        with TemporaryDirectory(dir=base, prefix="workspace-") as place:
            workspace = Path(place) / "commons"
            for task in TASKS:
                result = measure(task, data, workspace)
                print(f"{task} {patients:,}: {result.found}", file=sys.stderr)
                yield task, patients, result


def table(results: list[tuple[str, int, Measured]]) -> str:
    """The results as a Markdown table, task by task."""
    lines = [
        "| task | in-silico patients | seconds | CPU seconds | peak MB | slope |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for task in TASKS:
        before: tuple[int, Measured] | None = None
        for name, patients, got in results:
            if name != task:
                continue
            slope = ""
            if before is not None:
                growth = math.log(got.seconds / before[1].seconds)
                slope = f"{growth / math.log(patients / before[0]):.2f}"
            lines.append(
                f"| {task} | {patients:,} | {got.seconds:.1f} | {got.cpu:.1f} | {got.peak:,.0f} "
                f"| {slope} |"
            )
            before = (patients, got)
    return "\n".join(lines)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="keep the populations here, and reuse them")
    parser.add_argument("--large", action="store_true", help="also 1,530,000 patients in 600")
    parser.add_argument("--patients", type=int, help="only this many, in 60 contributions")
    parser.add_argument("--task", choices=list(TASKS), help=argparse.SUPPRESS)
    parser.add_argument("--workspace", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        child(given.task, given.data, given.workspace)
        return
    sizes = [(given.patients, 60)] if given.patients else list(SIZES)
    sizes += [LARGE] if given.large else []
    with TemporaryDirectory(prefix="haemony-benchmark-") as temporary:
        base = given.data or Path(temporary)
        base.mkdir(parents=True, exist_ok=True)
        print(table(list(measured(base, sizes))))


if __name__ == "__main__":
    main()
