"""Multi-state estimates equal those of R's `survival` and `mstate` on six real cohorts.

The figures of `survival` are kept in `r/multistate.csv`, so the comparison runs without R; where R
is installed, a last test has R compute them again. Those of `mstate` are read from the shared data.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import haemony as hm
from haemony.analysis import multistate as ms
from support import cohorts_multistate
from support.multistate_answers import figures, shared_model, told

HERE = Path(__file__).parent
SCRIPT, KEPT = HERE / "r" / "make_multistate.R", HERE / "r" / "multistate.csv"
QUICK = ("bmt", "mgus2_age")
TOLERANCE = defaultdict(
    lambda: 1e-8,
    {
        "pstate": 1e-10,
        "predicted": 1e-10,
        "n.risk": 1e-12,
        "std.err": 1e-9,
        "lower": 1e-9,
        "upper": 1e-9,
        "log-likelihood": 1e-9,
    },
)
YEAR = 365.25
STATES = {
    "dx": "diagnosis",
    "CR": "remission",
    "Rel": "relapse",
    "ED": "dead without remission",
    "NRD": "dead in remission",
    "PRD": "dead after relapse",
}

Key = tuple[str, str, str]


def read(path: Path) -> dict[Key, dict[str, float]]:
    """R's figures as (dataset, analysis, quantity) -> label -> value."""
    found: dict[Key, dict[str, float]] = defaultdict(dict)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            value = float("nan") if row["value"] == "NA" else float(row["value"])
            found[row["dataset"], row["analysis"], row["quantity"]][row["label"]] = value
    return found


REFERENCE = read(KEPT)


@pytest.fixture(autouse=True)
def needs_data() -> None:
    """Skip comparisons whose patients are not here."""
    if not (cohorts_multistate.SHARED_DATA / "ebmt").exists():
        pytest.skip("the shared data are not at HAEMONY_SHARED_DATA or ../shared/data")


@pytest.mark.parametrize("key", REFERENCE, ids=": ".join)
def test_a_figure_equals_rs(key: Key) -> None:
    """Each kept figure of R is reproduced within the accuracy promised for its kind."""
    dataset, analysis, quantity = key
    expected = REFERENCE[key]

    known = shared_model() if analysis == "cox shared" else figures(dataset)

    assert worst(known[analysis, quantity], expected) <= TOLERANCE[quantity]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize(
    "dataset",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.nightly])
        for name in cohorts_multistate.COHORTS
    ],
)
def test_r_still_gives_the_kept_figures(dataset: str, tmp_path: Path) -> None:
    """The reference table is what R computes from these courses today."""
    rows, output = tmp_path / "rows.csv", tmp_path / "figures.csv"
    cohorts_multistate.for_r(told(dataset)).write_csv(rows)

    done = subprocess.run(
        ["Rscript", SCRIPT, rows, output, dataset], capture_output=True, text=True, check=False
    )

    if "there is no package called" in done.stderr:
        pytest.skip("R is here without its package survival")
    assert done.returncode == 0, done.stderr
    again = read(output)
    assert set(again) == {key for key in REFERENCE if key[0] == dataset}
    assert max(worst(found, REFERENCE[key]) for key, found in again.items()) <= 1e-9


def test_the_reference_is_large_enough() -> None:
    """Six cohorts, more than a thousand figures."""
    assert {key[0] for key in REFERENCE} == set(cohorts_multistate.COHORTS)
    assert sum(len(figures) for figures in REFERENCE.values()) > 1000


def mstate(name: str) -> pl.DataFrame:
    """A reference table of R's mstate on the AMLSG trials."""
    folder = cohorts_multistate.SHARED_DATA.parent / "reference" / "mstate"
    if not folder.is_dir():
        pytest.skip("the tables of mstate are not beside the shared data")
    return pl.read_csv(folder / name, infer_schema_length=None)


def test_histories_are_the_rows_that_mstate_was_given() -> None:
    """The same rows: seven patients never move, half a day parts what falls on one day."""
    given = mstate("mstate_input.csv").sort("PDID", "tstart")

    rows = told("amlsg").table().sort("patient", "start")

    assert rows["patient"].to_list() == given["PDID"].to_list()
    assert rows["start"].to_list() == given["tstart"].to_list()
    assert rows["stop"].to_list() == given["tstop"].to_list()
    assert rows["to"].to_list() == given["to"].replace(STATES | {"censor": None}).to_list()


def test_transition_probabilities_are_those_of_mstate() -> None:
    """From diagnosis, with Greenwood standard errors."""
    table = mstate("amlsg_probtrans_mstate.csv")

    found = ms.transition_probabilities(ms.hazards(told("amlsg")))

    check(found, "diagnosis", table)


@pytest.mark.parametrize("state", ["CR", "Rel"])
def test_dynamic_prediction_is_that_of_mstate(state: str) -> None:
    """From one year on, by the state at one year."""
    table = mstate("amlsg_dynamic_from_year1.csv").filter(pl.col("from") == state)

    found = ms.transition_probabilities(ms.hazards(told("amlsg")), since=YEAR)

    check(found, STATES[state], table)


def test_the_published_states_of_amlsg_at_three_years() -> None:
    """Where 1,536 patients are after three years; four relapses without remission are left out."""
    course = told("amlsg")
    counts = course.events().filter(pl.col("from") == "diagnosis")

    at = ms.occupation(course).at(3 * YEAR)
    found = {state: round(p, 3) for state, p in at.select("state", "probability").rows()}

    assert found == {
        "remission": 0.359,
        "relapse": 0.101,
        "dead without remission": 0.170,
        "dead in remission": 0.094,
        "dead after relapse": 0.273,
        "diagnosis": 0.003,
    }
    assert dict(course.left_out) == {"relapse cannot follow diagnosis": 4}
    assert counts["count"].to_list() == [1269, 260, 7]


def test_a_release_tells_the_same_course(amlsg_release: hm.Release) -> None:
    """From the elements of a release to the same shares in each state as from the files."""
    elements = [column for moment in ms.COURSE_WITH_TRANSPLANT for column in moment.columns]
    table = amlsg_release.features(list(dict.fromkeys(elements)))

    course = ms.histories(table, ms.AML_COURSE, ms.COURSE, until="last_contact_day")
    transplanted = ms.histories(
        table, ms.AML_TRANSPLANT, ms.COURSE_WITH_TRANSPLANT, until="last_contact_day"
    )

    assert course.events().equals(told("amlsg").events())
    mine, theirs = (ms.occupation(h).at(3 * YEAR)["probability"] for h in (course, told("amlsg")))
    assert mine.to_list() == pytest.approx(theirs.to_list(), abs=1e-12)
    assert dict(transplanted.left_out) == dict(course.left_out)
    moved = transplanted.events().filter(pl.col("from").is_in(["remission", "transplant"]))
    assert moved.drop_nulls("to")["count"].to_list() == [438, 462, 92, 153, 73]


def check(found: ms.TransitionProbabilities, state: str, table: pl.DataFrame) -> None:
    """Probabilities within 1e-10 and standard errors within 1e-10 of a table of mstate."""
    frame = found.at(table["years"].to_numpy() * YEAR, state)
    for column, prefix in (("probability", ""), ("std_err", "se_")):
        for theirs, mine in STATES.items():
            values = frame.filter(pl.col("state") == mine)[column].to_numpy()
            assert np.abs(values - table[prefix + theirs].to_numpy()).max() <= 1e-10


def worst(found: dict[str, float], expected: dict[str, float]) -> float:
    """The largest difference, relative where figures exceed one; unknown must meet unknown."""
    mine = np.array([found[label] for label in expected], dtype=np.float64)
    theirs = np.array(list(expected.values()))
    assert (np.isnan(mine) == np.isnan(theirs)).all(), expected
    difference = np.abs(mine - theirs) / np.maximum(1.0, np.abs(theirs))
    return float(np.nanmax(difference, initial=0.0))
