"""Lymphomas and lymphoid leukaemias, from their files to a release: the known results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest
import yaml

import haemony as hm
from haemony.analysis import survival
from haemony.harmonise.harmonised import Harmonised, to_omop
from haemony.harmonise.omop.read import READ, read
from haemony.intake import CheckReport, check
from haemony.intake.dictionary import Role, Status
from haemony.intake.known import known
from support.protection import protected
from support.tables import blanked

YEAR = 365.25
ADMITTED = (
    "cll_pace",
    "lymphoma_pmh_follicular",
    "lymphoma_pmh_hodgkin",
    "dlbcl_rosenwald_expr",
    "mcl_rosenwald_expr",
    "hmrn_dlbcl",
    "all_chiaretti_affy",
)
ALL_KNOWN = (*ADMITTED, "gamblr_lymphoma_metadata")
PATIENTS = dict(zip(ADMITTED, (265, 541, 865, 240, 92, 928, 128), strict=True))


def contribution_of(name: str, shared_data: Path) -> hm.Contribution:
    """A known contribution with the data it was found in."""
    folder = known(name)
    assert folder is not None
    home = yaml.safe_load((folder / "contribution.yaml").read_text(encoding="utf-8"))["found_in"]
    return hm.Contribution.load(folder, shared_data / home)


class Lake:
    """Each contribution checked, harmonised and admitted alone, when a test first asks."""

    def __init__(self, data: Path, home: Path) -> None:
        self.data, self.home = data, home
        self._checked: dict[str, CheckReport] = {}
        self._harmonised: dict[str, Harmonised] = {}
        self._releases: dict[str, hm.Release] = {}

    def checked(self, name: str) -> CheckReport:
        """What the check says of a contribution."""
        if name not in self._checked:
            contribution = contribution_of(name, self.data)
            catalogue = hm.disease(contribution.disease).catalogue
            self._checked[name] = check(contribution, catalogue)
        return self._checked[name]

    def harmonised(self, name: str) -> Harmonised:
        """A contribution in the language of the lake."""
        if name not in self._harmonised:
            report = self.checked(name)
            disease = hm.disease(report.contribution.disease)
            self._harmonised[name] = to_omop(protected(report), disease, 1)
        return self._harmonised[name]

    def release(self, name: str) -> hm.Release:
        """The release that holds one contribution."""
        if name not in self._releases:
            workspace = hm.Workspace.init(self.home / name)
            contribution = contribution_of(name, self.data)
            self._releases[name] = hm.admit([contribution], workspace).release
        return self._releases[name]

    def source(self, folder: str, file: str) -> pl.DataFrame:
        """A file as it lies, every cell as text."""
        path = self.data / folder / file
        return pl.read_csv(path, infer_schema=False, null_values=["", "NA"])


@pytest.fixture(scope="module")
def lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """The contributions of this part."""
    yield Lake(shared_data, tmp_path_factory.mktemp("lymphoid"))


def codes(harmonised: Harmonised, element: str) -> Mapping[str, int]:
    """How many patients have each value of an element."""
    facts = harmonised.facts.filter(pl.col("element") == element)
    return dict(facts["code"].value_counts().iter_rows())


@pytest.mark.parametrize("name", ADMITTED)
def test_nothing_blocks_and_nobody_is_lost(lake: Lake, name: str) -> None:
    """The check finds no error, and every patient of the source is a person."""
    report = lake.checked(name)

    assert report.errors == 0
    assert lake.harmonised(name).tables["person"].height == PATIENTS[name]


@pytest.mark.parametrize("name", ALL_KNOWN)
def test_every_column_says_what_becomes_of_it(shared_data: Path, name: str) -> None:
    """A line of the dictionary names a patient, feeds an element, or gives its reason."""
    for entry in contribution_of(name, shared_data).dictionary:
        assert entry.element or entry.role is Role.PATIENT or entry.note, entry
        assert entry.status is not Status.SUGGESTED, entry


@pytest.mark.parametrize("name", ADMITTED)
def test_every_cell_is_accounted_for(lake: Lake, name: str) -> None:
    """Cells = missing + kept + kept aside, in every mapped column."""
    account = lake.harmonised(name).account

    assert account.height
    for row in account.to_dicts():
        assert row["cells"] == row["missing"] + row["kept"] + row["set_aside"], row


@pytest.mark.parametrize("name", ADMITTED)
def test_what_is_written_comes_back(lake: Lake, name: str) -> None:
    """Every fact comes back from OMOP through its element, source values blanked."""
    harmonised = lake.harmonised(name)

    back = read(harmonised.disease.catalogue.values(), blanked(harmonised.tables))

    written = harmonised.facts.select(READ.names()).sort(READ.names(), nulls_last=True)
    assert back.sort(READ.names(), nulls_last=True).equals(written)


@pytest.mark.parametrize("name", ADMITTED)
def test_what_is_kept_aside_has_few_reasons(lake: Lake, name: str) -> None:
    """Three samples without a patient, three broken dates, one transplant told in two ways."""
    aside = lake.harmonised(name).tables["set_aside"]

    expected = {
        "cll_pace": {"the patient has no row in the patient table": 3},
        "all_chiaretti_affy": {
            "not what the dictionary declares": 3,
            "contradicted by phenotype.csv transplant, which takes precedence": 1,
        },
    }
    assert dict(aside["reason"].value_counts().iter_rows()) == expected.get(name, {})


@pytest.mark.parametrize("name", ("cll_pace", "hmrn_dlbcl", "all_chiaretti_affy"))
def test_findings_equal_the_file(lake: Lake, name: str) -> None:
    """Positive and tested patients of every finding, counted in the file and in the lake."""
    report = lake.checked(name)
    harmonised = lake.harmonised(name)
    entries = [e for e in report.contribution.dictionary.mapped() if not e.where]
    entries = [e for e in entries if "positive" in e.value_map.values()]

    assert len(entries) == {"cll_pace": 88, "hmrn_dlbcl": 117, "all_chiaretti_affy": 4}[name]
    for entry in entries:
        path = report.contribution.tables[entry.table][0]
        cells = pl.read_csv(path, infer_schema=False, null_values=["", "NA"])[entry.column]
        wanted = cells.drop_nulls().replace_strict(dict(entry.value_map)).value_counts()
        assert codes(harmonised, entry.element) == dict(wanted.iter_rows()), entry.column


def test_a_gene_in_two_columns_is_mutated_where_either_says_so(lake: Lake) -> None:
    """EZH2, MYD88 and POU2F2 of the HMRN: hot spot or elsewhere, each patient once."""
    source = lake.source("hmrn_dlbcl", "genomic_data.csv")
    pairs = {"EZH2": "EZH2_646", "MYD88": "MYD88_265", "POU2F2": "POU2F2_239"}

    for gene, spot in pairs.items():
        either = (source[spot] == "1") | (source[f"{gene}_noncan"] == "1")
        expected = {"positive": either.sum(), "negative": 928 - either.sum()}
        assert codes(lake.harmonised("hmrn_dlbcl"), gene) == expected


@pytest.mark.parametrize(
    ("name", "diagnosis"),
    [
        ("lymphoma_pmh_follicular", "follicular lymphoma"),
        ("lymphoma_pmh_hodgkin", "Hodgkin lymphoma"),
        ("dlbcl_rosenwald_expr", "diffuse large B-cell lymphoma"),
        ("mcl_rosenwald_expr", "mantle cell lymphoma"),
        ("hmrn_dlbcl", "diffuse large B-cell lymphoma"),
    ],
)
def test_a_source_of_one_lymphoma_says_which(lake: Lake, name: str, diagnosis: str) -> None:
    """Everybody has the lymphoma that the source is about, not just a lymphoma."""
    assert codes(lake.harmonised(name), "diagnosis") == {diagnosis: PATIENTS[name]}


# Chronic lymphocytic leukaemia (PACE)


@pytest.fixture
def leukaemias(lake: Lake) -> pl.DataFrame:
    """The 200 patients of PACE with chronic lymphocytic leukaemia."""
    wanted = ["diagnosis", "ighv_status", "os_days", "os_event", "ttnt_days", "ttnt_event"]
    table = lake.release("cll_pace").features([*wanted, "treated_after", "pretreated", "TP53"])
    return table.filter(pl.col("diagnosis") == "chronic lymphocytic leukaemia")


def test_pace_has_its_diagnoses(lake: Lake) -> None:
    """200 CLL, 25 T-PLL, 10 MCL, 6 MZL, 5 AML; three donors have no blood disease."""
    counted = codes(lake.harmonised("cll_pace"), "diagnosis")

    assert counted["chronic lymphocytic leukaemia"] == 200
    assert counted["T-cell prolymphocytic leukaemia"] == 25
    assert counted["mantle cell lymphoma"] == 10
    assert counted["marginal zone lymphoma"] == 6
    assert counted["acute myeloid leukaemia"] == 5
    assert counted["no blood disease"] == 3


def test_pace_time_to_treatment_by_ighv_is_the_known_one(leukaemias: pl.DataFrame) -> None:
    """Log-rank 23.64 in 162 patients, HR of unmutated 2.76.

    The source gives no time to treatment of those who died untreated; they are left out here too.
    """
    known_time = leukaemias.filter(
        pl.col("ttnt_event") | ((pl.col("treated_after") == "no") & ~pl.col("os_event"))
    )

    test = survival.logrank("Surv(ttnt_days, ttnt_event) ~ ighv_status", known_time)
    fit = survival.cox("Surv(ttnt_days, ttnt_event) ~ ighv_status", known_time)

    assert test.n.sum() == 162
    assert round(test.statistic, 2) == 23.64
    assert round(math.exp(fit.coefficients[0]), 2) == 2.76


def test_pace_survival_by_ighv_is_the_known_one(leukaemias: pl.DataFrame) -> None:
    """Log-rank of overall survival by IGHV: 9.40 in 172 patients."""
    test = survival.logrank("Surv(os_days, os_event) ~ ighv_status", leukaemias)

    assert test.n.sum() == 172
    assert round(test.statistic, 2) == 9.40


def test_pace_pretreated_is_what_the_source_means(leukaemias: pl.DataFrame) -> None:
    """52 were treated before their sample; TP53 is mutated in 46 % of them and 10 % of the rest."""
    counted = leukaemias.filter(pl.col("pretreated").is_not_null()).group_by("pretreated")
    share = counted.agg(pl.len().alias("n"), (pl.col("TP53") == "positive").mean().alias("share"))
    rows = {row["pretreated"]: row for row in share.to_dicts()}

    assert (rows["yes"]["n"], rows["no"]["n"]) == (52, 131)
    assert round(rows["yes"]["share"], 2) == 0.46
    assert round(rows["no"]["share"], 2) == 0.10


# Follicular and Hodgkin lymphoma (Princess Margaret Hospital)


@pytest.mark.parametrize(
    ("name", "failures", "deaths", "five", "ten"),
    [
        ("lymphoma_pmh_follicular", 272, 76, 37.7, 49.1),
        ("lymphoma_pmh_hodgkin", 291, 135, 28.7, 32.3),
    ],
)
def test_first_failures_are_the_known_ones(
    lake: Lake, name: str, failures: int, deaths: int, five: float, ten: float
) -> None:
    """Failures, deaths without one, and the incidence of failure at five and ten years."""
    wanted = ["pfs_days", "pfs_event", "relapse_day", "progression_day"]
    table = lake.release(name).features(wanted)
    failed = pl.col("relapse_day").is_not_null() | pl.col("progression_day").is_not_null()
    outcome = pl.when(failed).then(1).when("pfs_event").then(2).otherwise(0).alias("outcome")
    table = table.with_columns(outcome)

    curves = survival.aalen_johansen("Surv(pfs_days, outcome) ~ 1", table)

    at = curves.at([5 * YEAR, 10 * YEAR])
    incidence = at.filter(pl.col("state") == "1")["incidence"] * 100
    assert table.height == PATIENTS[name]
    assert (table["outcome"] == 1).sum() == failures
    assert (table["outcome"] == 2).sum() == deaths
    assert incidence.round(1).to_list() == [five, ten]


def test_a_patient_after_relapse_is_neither_alive_nor_dead(lake: Lake) -> None:
    """The source follows nobody beyond the first failure: overall survival is not known then."""
    table = lake.release("lymphoma_pmh_follicular").features(["progression_day", "os_days"])

    assert table.filter(pl.col("progression_day").is_not_null())["os_days"].null_count() == 272


# Large B-cell and mantle cell lymphoma (LLMPP)


def test_large_cell_survival_is_the_known_one(lake: Lake) -> None:
    """138 deaths, median 3.9 years; between tenths of a year survival is that of the file.

    The file gives tenths of a year with a jitter below a day, and 74.2, 52.6 and 48.3 % alive at
    one, three and five years. In whole days deaths move across these anniversaries.
    """
    table = lake.release("dlbcl_rosenwald_expr").features(["os_days", "os_event"])
    source = lake.source("dlbcl_rosenwald_expr", "dlbcl.csv.gz").select(
        pl.col("time", "event").cast(pl.Float64)
    )

    ours = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", table)
    theirs = survival.kaplan_meier("Surv(time, event) ~ 1", source)

    assert table["os_event"].sum() == 138
    assert round(ours.curves[0].median.value / YEAR, 1) == 3.9
    at = [1.0, 3.0, 5.0]
    assert (theirs.at(at)["survival"] * 100).round(1).to_list() == [74.2, 52.6, 48.3]
    between = [1.05, 3.05, 5.05]
    expected = theirs.at(between)["survival"].to_list()
    found = ours.at([year * YEAR for year in between])["survival"].to_list()
    assert found == pytest.approx(expected, abs=0.002)


def test_mantle_cell_survival_is_the_known_one(lake: Lake) -> None:
    """64 deaths, median 2.75 years; all 92 are positive for cyclin D1, as their numbers say."""
    table = lake.release("mcl_rosenwald_expr").features(["os_days", "os_event", "cyclin_D1"])
    numbers = lake.source("mcl_rosenwald_expr", "mcl.csv")["pid"]

    curve = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", table)

    assert table["os_event"].sum() == 64
    assert round(curve.curves[0].median.value / YEAR, 2) == 2.75
    assert numbers.str.contains("CyclinD1?pos").all()
    assert (table["cyclin_D1"] == "positive").all()


# Acute lymphoblastic leukaemia (Chiaretti and Ritz)


def test_lymphoblastic_classes_are_the_known_ones(lake: Lake) -> None:
    """95 B, 33 T; BCR::ABL1 in 37, none found in 42 of the B-cell leukaemias."""
    harmonised = lake.harmonised("all_chiaretti_affy")
    facts = harmonised.facts.filter(pl.col("element").is_in(["diagnosis", "fusion_class"]))
    wide = facts.pivot("element", index="person_id", values="code")
    b_cell = wide.filter(pl.col("diagnosis").str.starts_with("B"))

    counted = dict(b_cell["fusion_class"].value_counts().iter_rows())

    assert (wide.height, b_cell.height) == (128, 95)
    assert (counted["BCR::ABL1"], counted["none found"]) == (37, 42)
    assert codes(harmonised, "BCR_ABL1") == {"positive": 37, "negative": 74}
    assert codes(harmonised, "t_9_22") == {"positive": 26, "negative": 67}
    assert codes(harmonised, "bcr_abl1_protein") == {"p190": 17, "p210": 8, "p190 and p210": 8}


def test_lymphoblastic_days_count_from_diagnosis(lake: Lake) -> None:
    """Month, day, year: remission comes after diagnosis, and an undated patient has no day."""
    facts = lake.harmonised("all_chiaretti_affy").facts
    source = lake.source("all_chiaretti_affy", "phenotype.csv")
    dates = source.select(
        pl.col("diagnosis", "date.cr").str.to_date("%m/%d/%Y", strict=False)
    ).drop_nulls()

    days = facts.filter(pl.col("element") == "complete_remission_day")["number"]

    expected = (dates["date.cr"] - dates["diagnosis"]).dt.total_days()
    assert days.sort().to_list() == expected.cast(pl.Float64).sort().to_list()


def test_deaths_without_a_day_make_no_survival(lake: Lake) -> None:
    """16 died, 15 of them on no known day: they are a state, and nobody is called alive."""
    harmonised = lake.harmonised("all_chiaretti_affy")

    states = codes(harmonised, "last_state")

    assert states["death in induction"] + states["death in remission"] == 16
    assert not codes(harmonised, "vital_status")
    assert "death" not in harmonised.tables


# Samples of many cohorts (GAMBLR)


def test_samples_are_not_taken_for_patients(lake: Lake) -> None:
    """Of 4,785 samples 424 are further ones of a patient and 40 of cell lines: 4,321 patients."""
    harmonised = lake.harmonised("gamblr_lymphoma_metadata")

    aside = harmonised.tables["set_aside"]
    assert harmonised.tables["person"].height == 4785 - 424 - 40
    assert aside.filter(pl.col("reason") == "the row names no patient").height == 40


def test_pathologies_of_the_samples_are_the_known_ones(lake: Lake) -> None:
    """Every pathology of the source has a line; the counts are those the source is known for."""
    report = lake.checked("gamblr_lymphoma_metadata")
    (entry,) = [e for e in report.contribution.dictionary if e.column == "pathology"]
    source = lake.source("gamblr_lymphoma_metadata", "gambl_metadata.csv")["pathology"]

    counted = dict(source.value_counts().iter_rows())

    assert set(counted) == set(entry.values)
    listed = ("DLBCL", "FL", "BL", "CLL", "MCL", "PBL", "MM", "PMBCL")
    assert [counted[name] for name in listed] == [2384, 1087, 433, 213, 211, 141, 106, 99]
