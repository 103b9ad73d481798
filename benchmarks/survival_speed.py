"""Why this exists: repetition (bootstrap, cross-validation, all gene pairs) is where users wait.

This script prints what survival analyses cost here, and what the same costs in R, lifelines,
scikit-survival and statsmodels: CPU seconds on one thread, whole days with heavy ties, two causes.
Each measurement is a process of its own. Libraries take turns, so that a busy minute of the machine
falls on all; the median of the rounds is shown. What takes longer than the limit is stopped.

Run it with `python benchmarks/survival_speed.py --peers PYTHON ...`, where each interpreter belongs
to an environment with one of the other libraries; R takes part if `Rscript` is installed. `--write`
writes the table into docs/reference/survival-speed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reference" / "survival-speed.md"
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "POLARS_MAX", "RAYON", "BLIS")
MODULES = {
    "lifelines": "lifelines",
    "scikit-survival": "sksurv",
    "statsmodels": "statsmodels.duration",
}
PEERS = ("R", *MODULES)
STARTING = 15
"""CPU seconds that a process may take to import, read and warm up."""


@dataclass(frozen=True)
class Case:
    """A task on so many patients and covariates, and the seconds aimed at."""

    task: str
    n: int
    p: int
    aim: float

    @property
    def bare(self) -> float:
        """Megabytes of the covariates, or of times and events where there are none."""
        columns = self.p if self.task in ("Cox", "Fine–Gray") or "bootstraps" in self.task else 2
        return self.n * columns * 8 / 2**20


CASES = (
    Case("Cox", 1_500, 50, 0.006),
    Case("Cox", 100_000, 10, 0.10),
    Case("Cox", 1_000_000, 10, 1.0),
    Case("Cox", 1_000_000, 50, 5.0),
    Case("Kaplan–Meier", 1_000_000, 1, 0.14),
    Case("log-rank", 1_000_000, 1, 0.12),
    Case("Aalen–Johansen with SE", 1_000_000, 1, 0.2),
    Case("concordance with SE", 1_000_000, 1, 0.5),
    Case("Fine–Gray", 100_000, 10, 0.5),
    Case("1,000 bootstraps of Cox", 1_500, 50, 6.0),
)


@dataclass(frozen=True)
class Measured:
    """What one process said; nothing where it was stopped or cannot do the task."""

    seconds: float | None
    megabytes: float | None = None
    peak: float | None = None
    answer: tuple[float, ...] = ()
    stopped: bool = False


def write_patients(case: Case, folder: Path) -> None:
    """Patients in silico: exponential times in whole days, two causes, half the columns binary."""
    draw = np.random.default_rng(case.n + case.p)
    x = draw.standard_normal((case.n, case.p))
    x[:, case.p // 2 :] = x[:, case.p // 2 :] > 0.8 if case.p > 1 else x
    beta = draw.normal(0, 0.2, case.p)
    event = draw.exponential(1500 * np.exp(-(x @ beta)))
    censored = draw.uniform(200, 4000, case.n)
    kind = np.where(event <= censored, 1 + (draw.random(case.n) < 0.4), 0)
    np.ceil(np.minimum(event, censored)).tofile(folder / "days")
    kind.astype(np.float64).tofile(folder / "kind")
    np.ascontiguousarray(x.T).tofile(folder / "x")


def run(command: list[str], limit: float) -> Measured:
    """Run one measurement, stopped once it has used so many CPU seconds."""
    single = {f"{name}_NUM_THREADS": "1" for name in THREADS} | {"POLARS_MAX_THREADS": "1"}
    most = int(limit) + STARTING

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))

    done = subprocess.run(
        command,
        env=os.environ | single,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    if done.returncode < 0:
        return Measured(None, stopped=True)
    if done.returncode:
        print(done.stderr[-400:], file=sys.stderr)
        return Measured(None)
    said = json.loads(done.stdout.splitlines()[-1])
    if said["seconds"] > limit and "bootstraps" not in " ".join(command):
        return Measured(None, stopped=True)
    return Measured(said["seconds"], said["megabytes"], said["peak"], tuple(said["answer"]))


def command(library: str, pythons: dict[str, str], task: str, folder: Path) -> list[str]:
    """How a library is asked for a task."""
    if library == "R":
        return ["Rscript", str(HERE / "survival_tasks.R"), task, str(folder)]
    return [pythons[library], str(HERE / "survival_tasks.py"), library, task, str(folder)]


def can(library: str, task: str) -> bool:
    """Whether a library has the task."""
    if task == "Fine–Gray":
        return library in ("haemony", "R")
    return not (library == "statsmodels" and task.startswith("concordance"))


def measure(
    case: Case, pythons: dict[str, str], libraries: list[str], rounds: int, limit: float
) -> dict[str, Measured]:
    """The median of the rounds of each library, which take turns in rotating order."""
    found: dict[str, list[Measured]] = {name: [] for name in libraries if can(name, case.task)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_patients(case, folder)
        for turn in range(rounds):
            names = list(found)
            for library in names[turn % len(names) :] + names[: turn % len(names)]:
                before = found[library]
                if before and (before[0].seconds is None or before[0].seconds > limit / 10):
                    continue
                asked = command(library, pythons, case.task, folder)
                before.append(run(asked, limit))
    return {library: middle(runs) for library, runs in found.items()}


def middle(runs: list[Measured]) -> Measured:
    """The run of median time, and the most memory."""
    known = [one.seconds for one in runs if one.seconds is not None]
    if not known:
        return runs[0]
    memory, peak = (
        max(getattr(one, name) or 0.0 for one in runs) for name in ("megabytes", "peak")
    )
    return Measured(median(known), memory, peak, runs[0].answer)


def line(case: Case, found: dict[str, Measured], limit: float) -> str:
    """One row of the table."""
    ours = found["haemony"]
    if ours.seconds is None:
        said = f">{limit:.0f}" if ours.stopped else "failed"
        return f"| {case.task} | {case.n:,} | {case.p} | {said} |"
    covariates = f"{case.p}" if case.p > 1 else ""
    cells = [case.task, f"{case.n:,}", covariates, f"**{shown(ours.seconds)}**", f"{case.aim:g}"]
    for name in PEERS:
        other = found.get(name)
        if other is None or (other.seconds is None and not other.stopped):
            cells.append("–")
        elif other.seconds is None:
            cells.append(f">{limit:.0f} (>{limit / ours.seconds:.0f}×)")
        else:
            cells.append(f"{shown(other.seconds)} ({ratio(other.seconds / ours.seconds)}×)")
    memory, worst = ours.megabytes or 0.0, difference(found)
    cells += [f"{ours.peak or 0.0:,.0f}", f"{memory:,.0f}", f"{memory / case.bare:.1f}"]
    cells.append("–" if np.isnan(worst) else f"{worst:.0e}")
    return "| " + " | ".join(cells) + " |"


def shown(seconds: float) -> str:
    """Two digits or so."""
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:,.0f}"


def ratio(value: float) -> str:
    """How many times as long."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def difference(found: dict[str, Measured]) -> float:
    """The largest difference between our figures and R's; NaN without R's, or where drawn."""
    ours, theirs = found["haemony"].answer, found.get("R", Measured(None)).answer
    if len(ours) != len(theirs) or (len(ours) == 1 and ours[0] < 1):
        return float("nan")
    scale = np.maximum(1.0, np.abs(theirs))
    return float(np.max(np.abs(np.subtract(ours, theirs)) / scale))


def table(lines: list[str]) -> str:
    """The whole table in Markdown."""
    names = [f"{name} (÷ ours)" for name in PEERS]
    heads = [
        "task",
        "n",
        "p",
        "haemony",
        "aim",
        *names,
        "peak MB",
        "above data",
        "÷ data",
        "from R",
    ]
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + "|".join(rule) + "|", *lines])


def write(text: str) -> None:
    """Put the table into the page, between its marks."""
    page = PAGE.read_text(encoding="utf-8")
    marks = re.compile(r"(<!-- speed -->\n).*?(\n<!-- end -->)", re.DOTALL)
    PAGE.write_text(marks.sub(lambda m: m[1] + text + m[2], page), encoding="utf-8")


def library_of(python: str) -> str:
    """Which of the other libraries an interpreter has."""
    for library, module in MODULES.items():
        asked = [python, "-c", f"import {module}"]
        if not subprocess.run(asked, capture_output=True, check=False).returncode:
            return library
    raise SystemExit(f"{python} has none of {', '.join(MODULES)}; install one there")


def main() -> int:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", nargs="*", default=[], help="Python interpreters of others")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=200.0, help="CPU seconds of one analysis")
    parser.add_argument("--only", help="tasks whose name contains this")
    parser.add_argument("--most", type=int, default=10**7, help="no more patients than this")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    given = parser.parse_args()
    pythons = {"haemony": sys.executable} | {library_of(path): path for path in given.peers}
    libraries = [*pythons, *(["R"] if shutil.which("Rscript") else [])]
    lines = []
    for case in CASES:
        if case.n > given.most or (given.only and given.only not in case.task):
            continue
        found = measure(case, pythons, libraries, given.rounds, given.limit)
        lines.append(line(case, found, given.limit))
        print(lines[-1], flush=True)
    if given.write:
        write(table(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
