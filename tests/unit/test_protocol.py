"""The plan of a study: what can be written down, in a file or in code, and what is refused."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from haemony import study
from haemony.analysis.blocks import (
    CompetingBlock,
    CoxBlock,
    LandmarkBlock,
    LateEntry,
    MeanBlock,
    MissingData,
    Pooling,
    Population,
    Sensitivity,
    SubgroupBlock,
    SurvivalBlock,
    TimeDependentBlock,
)
from haemony.analysis.cohorts import Criterion, Known, OneOf, Within
from haemony.analysis.protocol import Protocol, TimeUnit

FIT = Criterion("ECOG 0 or 1", "ecog", OneOf(("0", "1")))
EVERYTHING = Protocol(
    title='A "quoted" title:\tgènes',
    question="?",
    seed=3,
    release=2,
    minimum_cell=1,
    time_unit=TimeUnit.MONTHS,
    missing=MissingData.OWN_CATEGORY,
    late_entry=LateEntry.IGNORE,
    published="2026-03-01",
    pooling=Pooling(origins=("diagnosis", "sampling"), definitions=("efs",)),
    criteria=(
        Criterion("adults", "age_at_diagnosis", Within(18, float("inf"))),
        Criterion("one", "wbc", Within(0.5, 1e-7 + 1)),
        Criterion("known", "sex", Known()),
    ),
    populations=(Population(name="fit", criteria=(FIT, FIT)),),
    survival=(
        SurvivalBlock(
            title="by",
            endpoint="os",
            by=("NPM1", "wbc"),
            cuts={"wbc": (1.5, 30)},
            strata=("study",),
            at=(),
            until=8,
            population="fit",
        ),
    ),
    means=(MeanBlock(title="mean", endpoint="os", horizon=60),),
    competing=(CompetingBlock(title="cir", endpoint="cir", formula="log2(wbc) + NPM1:sex"),),
    models=(CoxBlock(title="cox", endpoint="os", formula="NPM1", labels={"NPM1[positive]": "x"}),),
    landmarks=(
        LandmarkBlock(
            title="land", endpoint="os", exposure="transplant_day", day=183, counts_if=(FIT,)
        ),
    ),
    time_dependent=(
        TimeDependentBlock(title="td", endpoint="os", exposure="transplant_day", adjust="wbc"),
    ),
    subgroups=(SubgroupBlock(title="sub", endpoint="os", effect="NPM1", within=("sex",)),),
    sensitivities=(
        Sensitivity(name="young", of=("cox", "td"), criteria=(FIT,)),
        Sensitivity(name="other", endpoints={"os": "pfs"}),
        Sensitivity(name="ways", missing=MissingData.COMPLETE_CASES, late_entry=LateEntry.MODEL),
    ),
)


def test_a_plan_made_in_code_is_the_plan_in_its_file() -> None:
    """Written as TOML and read back it is equal, and has the same text and hash."""
    again = study.parse(EVERYTHING.text)

    assert again == EVERYTHING
    assert (again.text, again.sha256) == (EVERYTHING.text, EVERYTHING.sha256)
    assert study.parse(study.write(again)) == again


@pytest.mark.parametrize("name", study.templates())
def test_every_template_is_a_plan_that_can_be_written_again(name: str) -> None:
    """Comments aside, nothing of a template is lost between file and code."""
    text = (files("haemony.analysis") / "templates" / f"{name}.toml").read_text(encoding="utf-8")

    assert study.parse(study.write(study.parse(text))) == study.parse(text)


def test_a_sensitivity_analysis_runs_what_it_concerns() -> None:
    """Named blocks, or all that its endpoint is part of; everything where the cohort changes."""
    young, other, ways = (EVERYTHING.under(change) for change in EVERYTHING.sensitivities)

    assert [block.title for block in young.analyses] == ["cox", "td"]
    assert {getattr(block, "endpoint", "") for block in other.analyses} == {"pfs"}
    assert len(ways.analyses) == len(EVERYTHING.analyses)
    assert young.criteria == (*EVERYTHING.criteria, FIT)
    assert (ways.missing, ways.late_entry) == (MissingData.COMPLETE_CASES, LateEntry.MODEL)


HEAD = 'title = "T"\nquestion = "Q"\nseed = 1\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[[landmark]]\ntitle = "L"\nendpoint = "os"\nexposure = "x"',
            r"landmark\[1\].day: is mis",
        ),
        (
            '[[landmark]]\ntitle = "L"\nendpoint = "os"\nexposure = "x"\nday = 0',
            r"landmark\[1\].day: is no day after the origin; give a positive number",
        ),
        (
            '[[rmst]]\ntitle = "R"\nendpoint = "os"\nhorizon = -1',
            r"rmst\[1\].horizon: is not positive",
        ),
        (
            '[[rmst]]\ntitle = "R"\nendpoint = "os"\nhorizon = nan',
            r"rmst\[1\].horizon: is not a finite number",
        ),
        (
            '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\nat = [1, inf]',
            r"kaplan_meier\[1\].at: is not a list of rising numbers",
        ),
        (
            '[[cox]]\ntitle = "C"\nendpoint = "os"\nformula = "sex"\npopulation = "fit"',
            r"cox\[1\].population: there is no population 'fit'; name one that",
        ),
        ('[[population]]\nname = "fit"', r"population\[1\]: has no criteria; add a \[\[population"),
        (
            '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "NPM1"\nwithin = []',
            r"subgroups\[1\].within: is not a list with at least one name",
        ),
        ('[[sensitivity]]\nname = "S"', r"sensitivity\[1\]: changes nothing; give \[\[sensitivity"),
        (
            '[[sensitivity]]\nname = "S"\nof = ["X"]\nmissing = "own category"',
            r"sensitivity\[1\].of: no block has the title 'X'; give the title of one",
        ),
        (
            '[[sensitivity]]\nname = "S"\nmissing = "mean"',
            r"sensitivity\[1\].missing: is 'mean'; give one of complete cases, own category",
        ),
        ('missing = "impute"', r"missing: is 'impute'; give one of complete cases, own category"),
        ('late_entry = "later"', r"late_entry: is 'later'; give one of model, ignore"),
        ('published = "2026"', r"published: is not a day without quotes"),
        (
            "[pooling]\norigin = []",
            r"pooling.origin: is no key of a protocol; did you mean origins\? here you can write",
        ),
        (
            '[[time_dependent]]\ntitle = "T"\nendpoint = "os"\nexposure = "x"\nadjust = "a ~ b"',
            r"time_dependent\[1\].adjust: holds a `~`",
        ),
    ],
)
def test_a_plan_that_cannot_be_run_says_where_and_what_next(text: str, message: str) -> None:
    """Every refusal names the key, the cause and the next step."""
    with pytest.raises(study.BadProtocol, match=message) as refusal:
        study.parse(HEAD + text)

    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("at = [nan]", r"kaplan_meier\[1\].at: is not a list of rising numbers"),
        ("at = [-1, 2]", r"kaplan_meier\[1\].at: is no time from 0 on"),
        ("until = nan", r"kaplan_meier\[1\].until: is not a finite number"),
        ("until = inf", r"kaplan_meier\[1\].until: is not a finite number"),
        ("until = -3", r"kaplan_meier\[1\].until: is no time from 0 on"),
        ("cuts = { wbc = [nan] }", r"cuts.wbc: is not a list of rising numbers"),
    ],
)
def test_numbers_are_finite_and_times_are_not_before_the_origin(block: str, message: str) -> None:
    """TOML knows nan and inf; no plan has a use for them."""
    head = 'title = "T"\nquestion = "Q"\nseed = 1\n[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\n'

    with pytest.raises(study.BadProtocol, match=message):
        study.parse(head + block)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ('[[comutation]]\ntitle = "C"\nelements = ["A", "B"]\ncarriers = -1', "no number of carr"),
        ('[[cohort]]\nlabel = "C"\nelement = "wbc"\nat_least = nan', "at_least: is not a finite"),
        ('[[cohort]]\nlabel = "C"\nelement = "wbc"\nequals = nan', "equals: is not a finite"),
        ('[kaplan_meier]\ntitle = "K"', r"no list of blocks; write \[\[kaplan_meier\]\] above"),
        (
            '[[cox]]\ntitle = "C"\nendpoint = "os"\nformula = "wbc + strata(sex)"',
            "formula: holds more than covariates; take strata out",
        ),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(block: str, message: str) -> None:
    """With the key and the next step, before any data are read."""
    with pytest.raises(study.BadProtocol, match=message):
        study.parse('title = "T"\nquestion = "Q"\nseed = 1\n' + block)


def test_a_file_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    """Some editors write one; the plan and its hash are the same."""
    text = 'title = "T"\nquestion = "Q"\nseed = 1\n'
    (tmp_path / "study.toml").write_text(text, encoding="utf-8-sig")

    assert study.load(tmp_path) == study.parse(text)
    assert study.load(tmp_path).sha256 == study.parse(text).sha256
