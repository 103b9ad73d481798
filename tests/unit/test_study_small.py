"""Small groups in sentences and figures, slips in `[pooling]`, means without events, and stops."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import haemony as hm
from haemony import study
from haemony.analysis.evidence import Doubt
from support.contributions import contribution
from unit.test_cautions import HEAD, cohort, warned
from unit.test_study import FakeRelease, OneManifest, OneMember

KM = '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\nby = ["study"]\nat = [0, 1]\n'
RMST = '[[rmst]]\ntitle = "R"\nendpoint = "os"\nby = ["study"]\nhorizon = {}\n'
LANDMARK = (
    '[[landmark]]\ntitle = "L"\nendpoint = "os"\nexposure = "transplant_day"\nday = 183\nat = [1]\n'
    '[[landmark.counts_if]]\nlabel = "C"\nelement = "{}"\n{}\n'
)


def run(text: str, table: pl.DataFrame) -> study.StudyResult:
    """A study of a table."""
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    release = FakeRelease(table, manifest=OneManifest((member,)))
    return study.run(study.parse(HEAD + text), release)


def three_studies() -> pl.DataFrame:
    """Studies of 3, 90 and 307 patients."""
    names = ["C"] * 3 + ["B"] * 90 + ["A"] * 307
    return cohort().with_columns(study=pl.Series(names))


def test_numbers_at_risk_do_not_give_back_a_hidden_group(tmp_path: Path) -> None:
    """A group whose size is hidden to protect a smaller one has dots below its curve."""
    run(KM, three_studies()).write(tmp_path)

    (block,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["survival"]
    drawing = (tmp_path / "figures" / "kaplan-meier-1.svg").read_text(encoding="utf-8")
    sizes = {group["label"]: group["n"] for group in block["groups"]}
    assert sizes == {"A": 307, "B": "hidden", "C": "<5"}
    assert ">307<" in drawing
    assert ">90<" not in drawing
    assert ">•<" in drawing
    assert {at["n_risk"] for g in block["groups"] if g["label"] == "B" for at in g["at"]} == {
        "hidden"
    }


def test_a_difference_of_means_does_not_give_back_a_small_group(tmp_path: Path) -> None:
    """Patients of two groups together, less those of one, would be those of the other."""
    run(RMST.format(3), three_studies()).write(tmp_path)

    (block,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["means"]
    assert [gap["n"] for gap in block["differences"]] == ["hidden", "hidden"]


def test_a_difference_that_is_compared_hides_with_its_group(tmp_path: Path) -> None:
    """Under a change of the plan as well, two of three groups are not told beside the total."""
    change = '[[sensitivity]]\nname = "W"\nmissing = "own category"\n'

    run(KM + change, three_studies()).write(tmp_path)

    (found,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["sensitivity"]
    assert [row["planned"]["n"] for row in found["compared"]] == [307, "hidden", "<5"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('origins = ["diagnosys"]', "did you mean diagnosis"),
        ('origins = ["Diagnosis", "randomisation"]', "there is no time origin 'Diagnosis'"),
        ('definitions = ["ofs"]', "pooling.definitions: there is no endpoint 'ofs'"),
    ],
)
def test_a_slip_in_pooling_is_refused(line: str, message: str) -> None:
    """What is misspelt would pool nothing, and nobody would hear of it."""
    with pytest.raises(study.BadProtocol, match=message):
        run(f"[pooling]\n{line}\n" + KM, cohort())


def test_a_mean_without_events_has_no_limits(tmp_path: Path) -> None:
    """Where nobody dies before the horizon the mean is the horizon, and that is said."""
    late = cohort().with_columns(
        os_days=pl.when(pl.col("study") == "B").then(pl.col("os_days") + 1200).otherwise("os_days")
    )

    found = run(RMST.format(3), late)
    found.write(tmp_path)

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    (means,) = found.means
    assert means.still == ("B",)
    assert (means.means[1].lower, means.means[1].upper) == (None, None)
    assert means.differences[0].p is None
    assert "3.00 (no event by then)" in page
    assert "limits not known: no event by then in B" in page
    assert "3.00 (3.00–3.00)" not in page
    causes = [one.cause for one in found.cautions if one.doubt is Doubt.TINY]
    assert any("nobody has an event before the horizon in B" in cause for cause in causes)


@pytest.mark.parametrize(
    "block",
    [
        RMST.format(1),
        KM,
        '[[weighted]]\ntitle = "W"\nendpoint = "os"\nby = "study"\ngiven = "age_at_diagnosis"\n',
        '[[competing_risks]]\ntitle = "I"\nendpoint = "cir"\nby = ["study"]\nat = [1]\n',
        '[[landmark]]\ntitle = "L"\nendpoint = "os"\nexposure = "transplant_day"\nday = 51\n',
        '[[time_dependent]]\ntitle = "X"\nendpoint = "os"\nexposure = "transplant_day"\n',
    ],
)
def test_tiny_groups_are_warned_of(block: str) -> None:
    """Whatever compares groups says when one of them is of three patients."""
    few = pl.int_range(pl.len()).is_between(3, 6)
    table = three_studies().with_columns(
        transplant_day=pl.when(few & (pl.col("os_days") > 50)).then(45),
        study=pl.when(pl.col("study") == "C").then(pl.lit("C")).otherwise(pl.lit("A")),
        cir_days="os_days",
        cir_event=pl.col("os_event") & (pl.col("sex") == "male"),
        nrm_days="os_days",
        nrm_event=pl.col("os_event") & (pl.col("sex") == "female"),
    )

    (caution,) = [one for one in warned(block, table) if one.doubt is Doubt.TINY]

    assert "of 2 groups have fewer than 10 patients or 5 events" in caution.cause


def test_tiny_cohorts_are_warned_of_without_groups() -> None:
    """One curve of six patients says little too."""
    block = '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\n'

    (caution,) = warned(block, cohort().head(6))

    assert (caution.doubt, caution.key) == (Doubt.TINY, "kaplan_meier[1]")


def test_an_exposure_that_counts_by_the_future_is_warned_of() -> None:
    """Whether a transplant counts has to be known by the landmark, not by a later response."""
    table = cohort().with_columns(
        complete_remission_day=pl.when(pl.col("os_days") > 220).then(220),
        transplant_type=pl.when(pl.col("transplant_day").is_not_null()).then(pl.lit("autologous")),
    )

    later = warned(LANDMARK.format("complete_remission_day", "known = true"), table)
    known = warned(LANDMARK.format("transplant_type", 'equals = "autologous"'), table)

    (caution,) = [one for one in later if one.doubt is Doubt.IMMORTAL_TIME]
    assert caution.key == "landmark[1]"
    assert "the exposure counts from the landmark on, day 183, if “C”" in caution.cause
    assert "only after the landmark in" in caution.cause
    assert not [one for one in known if one.doubt is Doubt.IMMORTAL_TIME]


def test_an_exposure_that_counts_by_survival_to_the_landmark_is_right() -> None:
    """Everybody in a landmark analysis has lived until then: asking for it looks at no future."""
    lived = warned(LANDMARK.format("os_days", "at_least = 183"), cohort())
    longer = warned(LANDMARK.format("os_days", "at_least = 400"), cohort())

    assert not [one for one in lived if one.doubt is Doubt.IMMORTAL_TIME]
    assert [one.doubt for one in longer].count(Doubt.IMMORTAL_TIME) == 1


def test_a_study_is_a_summarised_result(tmp_path: Path) -> None:
    """The tools of OMOP find thirteen columns, one row per estimate; the crate has the file."""
    cox = '[[cox]]\ntitle = "C"\nendpoint = "os"\nformula = "age_at_diagnosis"\n'

    found = run(KM + RMST.format(3) + cox, three_studies())
    found.write(tmp_path)

    text = (tmp_path / "summarised_result.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    crate = json.loads((tmp_path / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    kinds = {r["estimate_value"] for r in rows if r["estimate_name"] == "result_type"}
    ratio = [r for r in rows if r["estimate_name"] == "hazard_ratio"]
    assert len(rows[0]) == 13
    assert kinds == {
        "survival_summary",
        "survival_estimates",
        "logrank_test",
        "restricted_means",
        "restricted_differences",
        "hazard_ratios",
    }
    assert float(ratio[0]["estimate_value"]) == pytest.approx(
        np.exp(found.models[0].fit.coefficients[0]), rel=1e-9
    )
    sizes = [
        (r["strata_level"], r["estimate_value"])
        for r in rows
        if (r["strata_name"], r["estimate_name"]) == ("study", "count")
    ]
    assert sizes == [("A", "307"), ("B", "-"), ("C", "<5")]
    assert "summarised_result.csv" in {part["@id"] for part in crate["@graph"]}


def test_a_stopped_study_leaves_no_half_written_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a report is whole or not there; what was there before stays."""
    found, written = run(KM, cohort()), 0
    whole: Callable[..., int] = Path.write_text

    def stop(path: Path, *given: object, **named: object) -> int:
        nonlocal written
        written += 1
        if written == 3:
            raise KeyboardInterrupt
        return whole(path, *given, **named)

    monkeypatch.setattr(Path, "write_text", stop)
    with pytest.raises(KeyboardInterrupt):
        found.write(tmp_path / "report")

    assert list(tmp_path.iterdir()) == []
    found.write(tmp_path / "report")
    assert (tmp_path / "report" / "report.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from haemony.services import cli
from haemony.services.cli import studies

def slow(*_given, **_named):
    print("running", flush=True)
    {wait}

studies.study.run = slow
studies.study.load = lambda path: studies.study.parse('title = "T"\\nquestion = "Q"\\nseed = 1')
class Lake:
    def release(self, number): return None
    def latest(self): raise SystemExit(9)
class Home:
    def __init__(self, path): self.lake, self.governance = Lake(), None
studies.Workspace = Home
open("study.toml", "w").close()
cli.main(["study", "run", "study.toml", "-o", "report"])
"""


@pytest.mark.parametrize(
    "wait",
    [
        "time.sleep(30)",
        "\n    try: time.sleep(30)\n    except KeyboardInterrupt: raise RuntimeError('interrupt')",
    ],
    ids=["plain", "taken for a fault"],
)
def test_a_running_study_stops_in_one_line(tmp_path: Path, wait: str) -> None:
    """Ctrl-C ends a study with 130, one line, and no folder."""
    process = started([sys.executable, "-c", SLOW.format(wait=wait)], tmp_path)
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip() == "haemony: stopped; nothing is left half done"
    assert not (tmp_path / "report").exists()


ADMIT = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from haemony.services import cli
from haemony.services.cli import contributions
whole = contributions.admit_contributions

def slow(given, opened, watch):
    steps = []
    def told(step):
        steps.append(step)
        if len(steps) == 12:
            print("running", flush=True)
            time.sleep(30)
    return whole(given, opened, told)

contributions.admit_contributions = slow
cli.main(["admit", "c", "-w", "commons"])
"""


def test_an_admission_stops_in_one_line(tmp_path: Path) -> None:
    """Ctrl-C ends an admission with 130 and one line; the lake is as before, and the next works."""
    workspace = hm.Workspace.init(tmp_path / "commons")
    given = contribution(tmp_path / "c")
    process = started([sys.executable, "-c", ADMIT], tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "running"

    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip() == "haemony: stopped; nothing is left half done"
    assert hm.Workspace(workspace.folder).lake.numbers == ()
    assert not list((workspace.folder / "lake").rglob(".tmp-*"))
    assert hm.admit([given], hm.Workspace(workspace.folder)).release.number == 1


def test_loading_stops_in_one_line(tmp_path: Path) -> None:
    """Ctrl-C while modules are being loaded shows no library, only that nothing was done."""
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from haemony.__main__ import main; print('up', flush=True); main()"
    )
    process = started([sys.executable, "-c", script, "study", "templates"], tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)

    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip() == "haemony: stopped; nothing is left half done"


def started(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """A process in a folder of its own, with this very haemony."""
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
