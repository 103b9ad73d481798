"""The DataQualityDashboard's checks on the in-silico benchmark population: seconds and memory.

Run ``python benchmarks/quality.py`` for 153,000 in-silico patients in 60 contributions. They are
written and admitted once (keep them with ``--data``); then all checks run on the release in a
process of its own, its start and imports included. Memory is the largest resident set the kernel
saw. Judging the same counts under other thresholds is timed beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import admission

import haemony as hm
from haemony.quality import dqd
from haemony.quality.dqd.definitions import checked

PATIENTS, CONTRIBUTIONS = 153_000, 60
MOST_SECONDS, MOST_MEGABYTES = 20, 2000


def workspace(base: Path, patients: int) -> Path:
    """A workspace whose release holds the population, admitted unless it is there already."""
    folder = base / f"checked-{patients}"
    if not (folder / "admitted").is_file():
        data = admission.population(base, patients, CONTRIBUTIONS)
        admission.admit(data, folder)
        (folder / "admitted").write_text("in silico\n", encoding="utf-8")
    return folder


def child(folder: Path) -> None:
    """Run every check and print what it took as one line of JSON."""
    release = hm.Workspace(folder).lake.latest()
    names = [table.name for table in checked()]
    tables = {name: release.scan(name) for name in [*names, "concept"]}
    start = time.perf_counter()
    results = dqd.run(tables)
    ran = time.perf_counter()
    most = {check.check.id: 1.0 for check in results if check.threshold == 0}
    anew = results.judged(most).counts
    judged = time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_SELF)
    rows = sum(part.rows for name in names for part in release.manifest.of(name))
    found = {
        "rows": rows,
        "checks": len(results),
        "judged": results.counts[dqd.Status.PASSED] + results.counts[dqd.Status.FAILED],
        "failed": results.counts[dqd.Status.FAILED],
        "failed anew": anew[dqd.Status.FAILED],
        "run": ran - start,
        "anew": judged - ran,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024 / 1e6,
    }
    print(json.dumps(found))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="keep population and workspace here, reuse them")
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--workspace", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.workspace:
        child(given.workspace)
        return
    with TemporaryDirectory(prefix="haemony-benchmark-") as temporary:
        base = given.data or Path(temporary)
        base.mkdir(parents=True, exist_ok=True)
        folder = workspace(base, given.patients)
        command = [sys.executable, __file__, "--workspace", str(folder)]
        start = time.perf_counter()
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - start
    got = json.loads(ended.stdout.splitlines()[-1])
    print(
        "| in-silico patients | rows | checks | judged | failed | seconds | of these checks | ",
        end="",
    )
    print("CPU seconds | peak MB | judged anew (ms) |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {given.patients:,} | {got['rows']:,} | {got['checks']:,} | {got['judged']:,} "
        f"| {got['failed']} | {seconds:.1f} | {got['run']:.1f} | {got['cpu']:.1f} "
        f"| {got['peak']:,.0f} | {1000 * got['anew']:.0f} |"
    )
    for what, found, most, unit in (
        ("time", seconds, MOST_SECONDS, "s"),
        ("memory", got["peak"], MOST_MEGABYTES, "MB"),
    ):
        print(f"{what}: {'within' if found <= most else 'beyond'} {most:,} {unit}")


if __name__ == "__main__":
    main()
