"""No study tells of too few patients: not in its report, results, figures, warnings or crate."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files as resources
from typing import Any

import jsonschema
import numpy as np
import polars as pl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from haemony import study
from haemony.analysis import report
from haemony.analysis.evidence import Doubt
from unit.test_study import FakeRelease, OneManifest, OneMember

LEAST = 5
FINDING = pl.Enum(["negative", "positive"])
HEAD = f"""
title = "T"
question = "Q"
seed = 1
minimum_cell = {LEAST}
late_entry = "ignore"
[pooling]
origins = ["diagnosis", "randomisation"]
"""
BLOCKS = {
    "cohort": 'label = "Adults"\nelement = "age_at_diagnosis"\nat_least = 24',
    "baseline": 'elements = ["age_at_diagnosis", "sex", "NPM1", "wbc"]\nby = "study"',
    "kaplan_meier": 'title = "K"\nendpoint = "os"\nby = ["study"]\nat = [0, 1, 2, 9]',
    "rmst": 'title = "R"\nendpoint = "os"\nby = ["study"]\nhorizon = 0.2',
    "competing_risks": 'title = "I"\nendpoint = "cir"\nby = ["study"]\nat = [1]\nformula = "sex"',
    "cox": 'title = "C"\nendpoint = "os"\nformula = "NPM1 + transplanted"',
    "landmark": 'title = "L"\nendpoint = "os"\nexposure = "transplant_day"\nday = 100\nat = [1]',
    "time_dependent": 'title = "X"\nendpoint = "os"\nexposure = "transplant_day"',
    "subgroups": 'title = "S"\nendpoint = "os"\neffect = "sex"\nwithin = ["study", "NPM1"]',
    "comutation": 'title = "M"\nelements = ["NPM1", "DNMT3A"]\ncarriers = 1',
    "weighted": 'title = "W"\nendpoint = "os"\nby = "study"\ngiven = "age_at_diagnosis"\nat = [1]',
    "sensitivity": 'name = "Women"\n[[sensitivity.criteria]]\nlabel = "F"\nelement = "sex"\n'
    'equals = "female"',
}
COUNTS = {
    "n", "events", "n_risk", "both", "exposed", "before", "remaining", "not_met", "outside",
    "patients", "studied", "people", "count",
}  # fmt: skip


def tiny(seed: int, n: int) -> FakeRelease:
    """Few patients of two sources and three studies, one of which is tiny."""
    draw = np.random.default_rng(seed)
    days = draw.integers(1, 900, n)
    transplant = draw.integers(20, 300, n)
    had = (draw.random(n) < 0.3) & (transplant < days)
    gap = draw.random(n) < 0.15
    table = pl.DataFrame(
        {
            "age_at_diagnosis": draw.integers(20, 80, n).astype(float),
            "wbc": np.where(gap, np.nan, draw.gamma(1, 20, n)),
            "sex": draw.choice(["male", "female"], n),
            "study": draw.choice(["A", "B", "C"], n, p=[0.5, 0.4, 0.1]),
            "NPM1": draw.choice(["negative", "positive"], n, p=[0.8, 0.2]),
            "DNMT3A": draw.choice(["negative", "positive"], n, p=[0.8, 0.2]),
            "transplant_day": np.where(had, transplant, np.nan),
            "transplanted": np.where(had, "yes", "no"),
            "entry_day": draw.choice([0, 5], n, p=[0.8, 0.2]),
            "os_days": np.where(draw.random(n) < 0.1, -1, days),
            "os_event": draw.random(n) < 0.6,
            "owner": draw.choice(["trial", "registry"], n, p=[0.85, 0.15]),
        },
        schema_overrides={"NPM1": FINDING, "DNMT3A": FINDING},
    ).with_columns(
        pl.col("transplant_day", "wbc").fill_nan(None),
        NPM1=pl.when(pl.Series(~gap)).then("NPM1"),
        cir_days=pl.col("os_days"),
        cir_event=pl.col("os_event") & (pl.col("sex") == "male"),
        nrm_days=pl.col("os_days"),
        nrm_event=pl.col("os_event") & (pl.col("sex") == "female"),
    )
    brought = table["owner"].value_counts()
    sizes = dict(brought.iter_rows())
    members = tuple(
        replace(
            OneMember({"title": owner, "origin": origin, "disease": disease}),
            id=owner,
            patients=sizes.get(owner, 0),
        )
        for owner, origin, disease in (
            ("trial", "randomisation", "aml"),
            ("registry", "diagnosis", "mds"),
        )
    )
    return FakeRelease(table, manifest=OneManifest(members))


def asked(release: FakeRelease) -> study.StudyResult | None:
    """A study with every block that these patients allow; None where there is none."""
    blocks = dict(BLOCKS)
    while blocks:
        text = HEAD + "\n".join(f"[[{name}]]\n{block}" for name, block in blocks.items())
        try:
            return study.run(study.parse(text), release)
        except (study.CannotAnswer, study.NotRecorded, study.BadProtocol) as refusal:
            blocks.pop(refusal.key.partition("[")[0])
        except study.EmptyCohort:
            return None
    return None


def counted(value: object, key: str = "") -> Iterator[tuple[str, int]]:
    """Every count of patients in a document but those of missing values, with its name."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in ("missing", "protocol"):
                yield from counted(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from counted(part, key)
    elif key in COUNTS and isinstance(value, int):
        yield key, value


def few(text: str) -> list[str]:
    """Counts of too few patients or events that a text tells, or gives back by a share."""
    text = re.sub(f"[Ff]ewer than {LEAST}", "few", text)
    found = re.findall(rf"\b[1-{LEAST - 1}] (?:of [\d,]+ )?(?:patients?|events)\b", text)
    for part, whole in re.findall(r"\b([\d,]+) of ([\d,]+) patients", text):
        if 0 < int(whole) - int(part) < LEAST:
            found.append(f"{part} of {whole}")
    return found


def sums_hold(groups: list[dict[str, Any]], total: object, key: str) -> bool:
    """Whether a sum gives back what is hidden: one hidden group beside a known total."""
    hidden = sum(1 for group in groups if isinstance(group[key], str))
    return not (hidden == 1 and len(groups) > 1 and isinstance(total, int))


@given(st.integers(0, 10_000), st.integers(8, 60))
@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_no_file_of_a_study_tells_of_too_few(seed: int, n: int) -> None:
    """Whatever the cohort, no count from 1 to 4 stands in any file, nor is given back by a sum."""
    found = asked(tiny(seed, n))
    if found is None:
        return

    written = report.files(found)

    document = json.loads(written["results.json"])
    schema = resources("haemony.analysis.report") / "results.schema.json"
    jsonschema.validate(document, json.loads(schema.read_text(encoding="utf-8")))
    assert [(key, value) for key, value in counted(document) if 0 < value < LEAST] == []
    for block in (*document["survival"], *document["landmarks"], *document["weighted"]):
        assert sums_hold(block["groups"], block["n"], "n")
        assert sums_hold(block["groups"], block.get("events", 99), "events")
        for group in block["groups"]:
            if not isinstance(group["n"], int):
                assert all(not isinstance(at["n_risk"], int) for at in group.get("at", []))
    for block in document["means"]:
        first, *others = block["means"]
        for other, gap in zip(others, block["differences"], strict=True):
            if not (isinstance(first["n"], int) and isinstance(other["n"], int)):
                assert (gap["n"], gap["events"]) == ("hidden", "hidden")
    for caution in document["cautions"]:
        assert few(caution["cause"]) == []
        assert (
            "fewer than 5" not in caution["cause"]
            or caution["number"] is None
            or (float(caution["number"]).is_integer() and caution["doubt"] in WITHOUT_COUNTS)
        )
    notes = " ".join(note for model in every_model(document) for note in model["notes"])
    assert few(notes) == []
    assert few(re.sub(r"<[^>]*>", "", written["report.html"])) == []
    assert few(written["ro-crate-metadata.json"]) == []
    summarised(written["summarised_result.csv"])


WITHOUT_COUNTS = {Doubt.TINY, Doubt.DISEASES, Doubt.ORIGIN}
"""Warnings whose number is not one of patients: of groups, diseases or origins."""


def every_model(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every regression of a document."""
    yield from document["models"]
    for block in document["competing_risks"]:
        yield from block["models"]
    for block in document["landmarks"]:
        yield from [block["model"]] if block["model"] else []
    for block in document["time_dependent"]:
        yield from (block["model"], block["naive"])
    for block in document["weighted"]:
        for pair in block["pairs"]:
            yield from (pair["crude"], pair["weighted"])
            yield {"notes": pair["notes"]}


def summarised(text: str) -> None:
    """No row of a summarised result tells of too few, nor any estimate beside such a count."""
    table = pl.read_csv(text.encode(), infer_schema=False)
    whose = [name for name in table.columns if not name.startswith("estimate_")]
    counts = table.filter(pl.col("estimate_name").str.ends_with("count")).filter(
        pl.col("variable_name") != "settings"
    )
    told = counts.filter(~pl.col("estimate_value").is_in(["-", f"<{LEAST}"]))
    assert not told.filter(pl.col("estimate_value").cast(pl.Int64).is_between(1, LEAST - 1)).height
    shut = counts.filter(pl.col("estimate_value").is_in(["-", f"<{LEAST}"])).select(whose).unique()
    beside = table.join(shut, on=whose, how="semi", nulls_equal=True).filter(
        ~pl.col("estimate_name").str.ends_with("count")
    )
    assert set(beside["estimate_value"]) <= {"-"}


def test_every_warning_with_a_count_is_tried() -> None:
    """The cohorts above raise each warning that tells how many patients, with too few of them."""
    raised: set[Doubt] = set()
    for seed, n in ((1, 12), (2, 24), (3, 30), (5, 40), (8, 60)):
        found = asked(tiny(seed, n))
        assert found is not None
        told = [caution for caution in found.cautions if "fewer than 5" in caution.cause]
        raised |= {caution.doubt for caution in told}
        assert [few(caution.cause) for caution in found.cautions if few(caution.cause)] == []

    assert raised >= {
        Doubt.DISEASES,
        Doubt.FEW_EVENTS,
        Doubt.IMMORTAL_TIME,
        Doubt.LATE_ENTRY,
        Doubt.MISSING,
        Doubt.ORIGIN,
        Doubt.OVERLAP,
        Doubt.SELECTION,
    }
