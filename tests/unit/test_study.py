"""One question, from a protocol to a folder of evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from haemony import study
from haemony.model.disease import Disease, disease
from haemony.model.errors import Exit

PROTOCOL = """
title = "Survival by NPM1"
question = "Do patients with an NPM1 mutation live longer?"
release = "latest"
seed = 7

[[cohort]]
label = "Adults"
element = "age_at_diagnosis"
at_least = 18

[[baseline]]
elements = ["age_at_diagnosis", "sex", "NPM1"]
by = "sex"

[[kaplan_meier]]
title = "By NPM1"
endpoint = "os"
by = ["NPM1"]

[[cox]]
title = "NPM1, given age"
endpoint = "os"
formula = "I(age_at_diagnosis / 10) + NPM1"
strata = ["study"]
"""
FINDING, SEX = pl.Enum(["negative", "positive"]), pl.Enum(["male", "female"])


@dataclass(frozen=True)
class OneMember:
    """A contribution of made-up patients, or of real ones."""

    facts: Mapping[str, Any]
    id: str = "trial"
    patients: int = 80
    level: int = 3


@dataclass(frozen=True)
class OneManifest:
    """The identity of a release."""

    members: Sequence[OneMember]
    sha256: str = "a" * 64
    content: str = "b" * 64


@dataclass(frozen=True)
class FakeRelease:
    """A release that is one table."""

    table: pl.DataFrame
    number: int = 1
    manifest: OneManifest = OneManifest((OneMember({"title": "A trial"}),))
    disease: Disease = field(default_factory=lambda: disease("aml"))

    def features(self, names: Sequence[str]) -> pl.DataFrame:
        """The columns asked for; those that the table lacks are unknown."""
        unknown = [pl.lit(None).alias(name) for name in names if name not in self.table.columns]
        return (
            self.table.with_columns(unknown).with_row_index("person_id").select("person_id", *names)
        )

    def owners(self) -> pl.DataFrame:
        """Everybody came with the first contribution, unless the table says otherwise."""
        owner = pl.col("owner") if "owner" in self.table.columns else pl.lit("trial")
        return self.table.with_row_index("person_id").select("person_id", owner.alias("owner"))


def patients(n: int = 80) -> pl.DataFrame:
    """Patients whose every third has NPM1 mutated and lives longer; one in ten was not tested."""
    mutated = [i % 3 == 0 for i in range(n)]
    return pl.DataFrame(
        {
            "age_at_diagnosis": [16.0 if i < 6 else 30.0 + (i * 7) % 45 for i in range(n)],
            "sex": ["female" if i % 2 else "male" for i in range(n)],
            "study": ["98A" if i % 4 else "98B" for i in range(n)],
            "NPM1": [
                None if i % 10 == 0 else "positive" if m else "negative"
                for i, m in enumerate(mutated)
            ],
            "os_days": [100 + (i * 37) % 900 + 400 * m for i, m in enumerate(mutated)],
            "os_event": [i % 5 != 0 for i in range(n)],
        },
        schema_overrides={"NPM1": FINDING, "sex": SEX},
    )


def run(protocol: str = PROTOCOL, release: FakeRelease | None = None) -> study.StudyResult:
    """Run a protocol on the fake release."""
    return study.run(study.parse(protocol), release or FakeRelease(patients()))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that was run."""
    folder = tmp_path_factory.mktemp("study")
    run().write(folder)
    return folder


def results(folder: Path) -> dict[str, Any]:
    """The results of a folder."""
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_cohort_and_every_gap_are_counted() -> None:
    """Six are too young; of the rest, those not tested are left out by name, not silently."""
    found = run()

    curves, model = found.survival[0], found.models[0]

    assert (found.cohort.people, found.cohort.steps[0].not_met) == (80, 6)
    assert found.cohort.table.height == 74
    assert curves.missing.by_variable == {"NPM1": 7}
    assert sum(curve.n for curve in curves.curves) == 67
    assert (model.fit.n, model.fit.missing.rows) == (67, 7)


def test_groups_and_coefficients_have_the_names_haematologists_use() -> None:
    """Words come from the element catalogue, not from column names."""
    found = run()

    assert [c.group for c in found.survival[0].curves] == ["NPM1 wild type", "NPM1 mutated"]
    assert found.models[0].labels == ("Age at diagnosis, per 10 years", "NPM1 mutation")


def test_several_elements_give_their_combinations() -> None:
    """By sex and NPM1 there are four groups, in the order of the catalogue."""
    curves = run(PROTOCOL.replace('by = ["NPM1"]', 'by = ["sex", "NPM1"]')).survival[0].curves

    assert [curve.group for curve in curves] == [
        "male, NPM1 wild type",
        "male, NPM1 mutated",
        "female, NPM1 wild type",
        "female, NPM1 mutated",
    ]


def test_a_number_is_cut_where_the_protocol_says() -> None:
    """Patients at the cut belong to the upper group."""
    by_age = 'by = ["age_at_diagnosis"]\ncuts = { age_at_diagnosis = [40, 60] }'

    curves = run(PROTOCOL.replace('by = ["NPM1"]', by_age)).survival[0].curves

    ages = run().cohort.table["age_at_diagnosis"]
    assert {curve.group: curve.n for curve in curves} == {
        "Age at diagnosis below 40 years": (ages < 40).sum(),
        "Age at diagnosis 40 to below 60 years": ((ages >= 40) & (ages < 60)).sum(),
        "Age at diagnosis 60 years or more": (ages >= 60).sum(),
    }


def test_results_follow_their_schema(written: Path) -> None:
    """Programs can rely on the published schema."""
    schema = files("haemony.analysis.report") / "results.schema.json"

    jsonschema.validate(results(written), json.loads(schema.read_text(encoding="utf-8")))


def test_every_number_knows_where_it_is_from(written: Path) -> None:
    """Release, manifest, program, protocol and seed stand in the results and on the page."""
    provenance = results(written)["provenance"]

    page = (written / "report.html").read_text(encoding="utf-8")

    assert (provenance["release"], provenance["manifest"]) == (1, "a" * 64)
    assert provenance["seed"] == 7
    assert provenance["protocol"] == study.parse(PROTOCOL).sha256
    for text in ("a" * 64, provenance["protocol"], f"haemony {provenance['haemony']}"):
        assert text in page


def test_the_same_study_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    """There is no clock and no chance in what a study writes."""
    again = run().write(tmp_path)

    for path in again:
        assert path.read_bytes() == (written / path.relative_to(tmp_path)).read_bytes()


def test_the_page_needs_no_script_and_no_network(written: Path) -> None:
    """The report can be mailed, archived and opened anywhere."""
    page = (written / "report.html").read_text(encoding="utf-8")

    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page
    assert "prefers-color-scheme: dark" in page


def test_every_figure_has_words_for_those_who_do_not_see_it(written: Path) -> None:
    """Each drawing is an image with a description, beside a table of the same numbers."""
    page = (written / "report.html").read_text(encoding="utf-8")

    assert page.count("<svg ") == page.count('<svg role="img" aria-label="') == 3
    assert page.count("The same in numbers") == 2
    for path in (written / "figures").iterdir():
        assert "<title>" in path.read_text(encoding="utf-8")


def test_not_tested_is_named_as_such(written: Path) -> None:
    """A reader sees that seven patients were not tested, not that they were negative."""
    page = (written / "report.html").read_text(encoding="utf-8")

    assert "NPM1 mutation not tested in 7" in page
    assert results(written)["baseline"][0]["variables"][2]["absence"] == "not tested"


def test_research_use_is_said_on_every_page(written: Path) -> None:
    """The report is not a medical device and says so."""
    assert "Not a medical device" in (written / "report.html").read_text(encoding="utf-8")


def test_made_up_patients_are_announced_everywhere(tmp_path: Path) -> None:
    """One in-silico contribution marks the page, its title, the results and every figure."""
    member = OneMember({"title": "Made up", "in_silico": True})
    release = FakeRelease(patients(), manifest=OneManifest((member,)))

    run(release=release).write(tmp_path)

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>In silico: " in page
    assert 'class="in-silico"' in page
    assert results(tmp_path)["provenance"]["in_silico"] is True
    for path in (tmp_path / "figures").iterdir():
        assert "In silico" in path.read_text(encoding="utf-8")


def test_real_patients_are_not_announced_as_made_up(written: Path) -> None:
    """The warning means something because it is absent elsewhere."""
    assert "In silico" not in (written / "report.html").read_text(encoding="utf-8")


def test_small_counts_do_not_leave_in_files(tmp_path: Path) -> None:
    """Three patients of a group are "<5"; the values in Python stay exact."""
    mutated = pl.when(pl.int_range(pl.len()) < 16).then(pl.lit("positive").cast(FINDING))
    few = patients().with_columns(
        NPM1=pl.when(pl.col("NPM1") == "positive").then(mutated).otherwise(pl.col("NPM1"))
    )
    no_model = PROTOCOL.partition("[[cox]]")[0]

    result = run(no_model, FakeRelease(few))
    result.write(tmp_path)

    exact = {curve.group: curve.n for curve in result.survival[0].curves}
    written = {g["label"]: g for g in results(tmp_path)["survival"][0]["groups"]}
    assert 0 < exact["NPM1 mutated"] < 5
    assert written["NPM1 mutated"]["n"] == "<5"
    assert written["NPM1 wild type"]["n"] == "hidden"
    assert written["NPM1 mutated"]["at"] == []


def test_fourteen_classes_get_a_panel_each(tmp_path: Path) -> None:
    """More groups than colours that can be told apart are not drawn on top of each other."""
    classes = disease("aml").catalogue["genomic_class"].codes
    table = patients(280).with_columns(
        pl.Series("genomic_class", [classes[i % 14] for i in range(280)], pl.Enum(list(classes)))
    )

    run(PROTOCOL.replace('by = ["NPM1"]', 'by = ["genomic_class"]'), FakeRelease(table)).write(
        tmp_path
    )

    drawing = (tmp_path / "figures" / "kaplan-meier-1.svg").read_text(encoding="utf-8")
    assert len(re.findall(r">\d+ patients · median", drawing)) == 14
    assert (tmp_path / "figures" / "kaplan-meier-1-ranking.svg").is_file()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", "", r"seed: is missing; add `seed = …`"),
        ("seed = 7", 'seed = "x"', r"seed: is not a whole number from 0 on"),
        ("seed = 7", "seed = 7\nsead = 8", r"sead: is no key of a protocol; did you mean seed"),
        ("at_least = 18", "", r"cohort\[1\]: states no condition; give one of"),
        ("at_least = 18", "equals = 3\nat_most = 4", r"cohort\[1\]: states equals and at_most"),
        ('by = "sex"', 'by = "sexx"', r"baseline\[1\].by: the catalogue holds no element 'sexx'"),
        ('by = "sex"', 'compare = "all"', r"baseline\[1\].compare: is 'all'; give one of none"),
        ('by = ["NPM1"]', "at = [5, 3]", r"kaplan_meier\[1\].at: is not a list of rising numbers"),
        (
            'endpoint = "os"',
            'endpoint = "oss"',
            r"kaplan_meier\[1\].endpoint: there is no endpoint 'oss'",
        ),
        ('formula = "', 'formula = "os ~ ', r"cox\[1\].formula: holds a `~`"),
        ('formula = "', 'formula = "open(sex) + ', r"cox\[1\].formula: 'open\(sex\)' calls"),
        ('+ NPM1"', '+ NPM7"', r"cox\[1\].formula: the catalogue holds no element 'NPM7'"),
        ("seed = 7", "seed 7", r"the file: is not TOML"),
    ],
)
def test_a_protocol_that_cannot_be_run_says_where_and_what_next(
    old: str, new: str, message: str
) -> None:
    """Every refusal names the key, the cause and the next step."""
    with pytest.raises(study.BadProtocol, match=message) as refusal:
        run(PROTOCOL.replace(old, new, 1))

    assert refusal.value.exit_code is Exit.USAGE
    assert refusal.value.remedy


def test_a_study_of_nobody_is_refused() -> None:
    """The criterion that emptied the cohort is named."""
    with pytest.raises(study.EmptyCohort, match="after the criterion 'Adults'"):
        run(PROTOCOL.replace("at_least = 18", "at_least = 118"))


def test_an_impossible_analysis_names_its_block() -> None:
    """Where nobody died there is nothing to compare."""
    alive = patients().with_columns(os_event=pl.lit(value=False))

    with pytest.raises(study.CannotAnswer, match=r"kaplan_meier\[1\]: nobody had the event"):
        run(PROTOCOL, FakeRelease(alive))


def test_a_covariate_that_never_varies_is_reported() -> None:
    """Without any mutated patient the model has no such coefficient, and the report says why."""
    tested = patients().with_columns(NPM1=pl.lit("negative").cast(FINDING))

    found = run(PROTOCOL, FakeRelease(tested))

    assert found.survival[0].test is None
    assert found.models[0].fit.names == ("I(age_at_diagnosis / 10)",)
    assert "NPM1: no patient analysed is positive" in found.models[0].fit.notes


def test_a_study_is_not_run_on_another_release() -> None:
    """A protocol for release 2 refuses release 1."""
    with pytest.raises(study.WrongRelease, match="for release 2 and release 1 was given"):
        run(PROTOCOL.replace('release = "latest"', "release = 2"))


def test_a_new_protocol_can_be_run_as_it_is(tmp_path: Path) -> None:
    """The template is a working study; it is never written over another one."""
    path = study.new(tmp_path / "question")

    protocol = study.load(path)
    result = study.run(protocol, FakeRelease(patients().with_columns(wbc=pl.lit(9.0))))

    assert study.load(path.parent) == protocol
    assert result.models[0].fit.n == 67
    with pytest.raises(study.FolderTaken):
        study.new(path.parent)


def test_a_protocol_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    """The message names the command that makes one."""
    with pytest.raises(study.NoProtocol, match="haemony study new"):
        study.load(tmp_path / "study.toml")


def test_the_watcher_hears_every_step() -> None:
    """A progress display can follow."""
    told: list[str] = []

    study.run(study.parse(PROTOCOL), FakeRelease(patients()), watch=told.append)

    assert told[0] == "read the release"
    assert told[-1] == "compute: NPM1, given age"


def test_a_result_knows_when_the_disk_refuses(tmp_path: Path) -> None:
    """A file where a folder should be is the environment's fault, and the message says so."""
    (tmp_path / "taken").write_text("", encoding="utf-8")

    with pytest.raises(study.CannotWriteResult, match="cannot write to") as refusal:
        run().write(tmp_path / "taken")

    assert refusal.value.exit_code is Exit.ENVIRONMENT


def test_hiding_nothing_is_a_choice(tmp_path: Path) -> None:
    """With a minimum of one, every count is written."""
    found = run()

    replace(found, protocol=replace(found.protocol, minimum_cell=1)).write(tmp_path)

    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert '"hidden"' not in text
    assert '"<' not in text


def test_prediction_is_printed_and_written(tmp_path: Path) -> None:
    """A model's C over splits and without each group stands on the page and in the results."""
    block = """
[[prediction]]
title = "How well age and NPM1 predict"
endpoint = "os"
models = ["cox", "random effects"]
splits = 3
leave_out = "study"
groups = { clinical = ["age_at_diagnosis", "sex"], genes = ["NPM1"] }
"""

    run(PROTOCOL.partition("[[cox]]")[0] + block).write(tmp_path)

    (found,) = results(tmp_path)["prediction"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    schema = files("haemony.analysis.report") / "results.schema.json"
    jsonschema.validate(results(tmp_path), json.loads(schema.read_text(encoding="utf-8")))
    assert (found["n"], found["tested"], found["splits"]) == (74, 15, 3)
    assert [one["label"] for one in found["models"][0]["left_out"]] == ["98A", "98B"]
    cox, shrunk = found["models"]
    for model in (cox, shrunk):
        assert f"{model['mean']:.3f} ({model['std_err']:.3f})" in page
    assert f"{cox['left_out'][0]['value']:.3f}" in page
    assert shrunk["left_out"][0]["value"] is None  # 18 patients of 98B are too few to learn from
    assert "random effects failed in 98A" in page
    assert "Age at diagnosis, Sex" in page
    assert "1 is printed" in page  # the log-rank test; predictions print no p-value
