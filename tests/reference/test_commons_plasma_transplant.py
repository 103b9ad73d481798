"""Plasma-cell disorders and stem-cell transplants, from their files to releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import yaml

import haemony as hm
from haemony.analysis import survival
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.read import READ, read
from haemony.intake import check
from haemony.intake.dictionary import ColumnType, Entry
from haemony.intake.known import known
from support.protection import protected
from support.tables import blanked

PATIENTS = {
    "mayo_plasma_cell_mgus": 241,
    "mayo_plasma_cell_mgus2": 1384,
    "mayo_plasma_cell_myeloma": 3882,
    "myeloma_krall": 65,
    "myeloma_gse4581": 256,
    "ebmt_1": 1977,
    "ebmt_2": 8966,
    "ebmt_3": 2204,
    "bmt_classics_kmsurv": 137,
    "bmt_classics_alloauto": 101,
    "bmt_classics_hodg": 43,
    "bmt_classics_timereg": 408,
    "bmt_classics_cibmtr": 9651,
    "bmt_classics_bmtcrr": 177,
    "bmt_children_uci": 187,
    "hsct_cmv_medicaldata": 64,
}
"""The patients of every contribution: the rows of its file."""

AFTER_DEATH = {("bmt_classics_kmsurv", "chronic_gvhd_day"): 1,
               ("bmt_children_uci", "platelet_recovery_day"): 2}  # fmt: skip
"""Events that a source dates after its patient's death; a rule keeps them aside."""

Days = npt.NDArray[np.int64]

MONTH = 30.4375
"""Days in a month, as the catalogue has it."""


@dataclass(frozen=True)
class Admitted:
    """One contribution and the release it made."""

    contribution: hm.Contribution
    release: hm.Release

    @property
    def account(self) -> list[Mapping[str, int]]:
        """What became of the cells of every mapped column."""
        (member,) = self.release.manifest.members
        account: list[Mapping[str, int]] = member.grade["account"]
        return account

    @property
    def source(self) -> pl.DataFrame:
        """The one table of the contribution, every cell as text."""
        return self.contribution.read(self.contribution.patients).frame


@pytest.fixture(scope="module")
def admitted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Admitted]:
    """Each contribution alone in a workspace of its own."""
    made = {}
    for name in PATIENTS:
        folder = known(name)
        assert folder is not None
        home = yaml.safe_load((folder / "contribution.yaml").read_text(encoding="utf-8"))
        contribution = hm.Contribution.load(folder, shared_data / home["found_in"])
        workspace = hm.Workspace.init(tmp_path_factory.mktemp(name) / "commons")
        made[name] = Admitted(contribution, hm.admit([contribution], workspace).release)
    return made


def count(values: pl.Series) -> dict[str, int]:
    """How often each known value occurs."""
    return dict(Counter(map(str, values.drop_nulls().to_list())))


def said(source: pl.DataFrame, entry: Entry) -> pl.Series:
    """The cells of a column that speak, as text: neither missing nor ruled out by a condition."""
    cells = source[entry.column].str.strip_chars()
    speaks = cells.is_not_null() & (cells != "") & ~cells.is_in(list(entry.missing))
    if entry.condition:
        assert not entry.condition.negated
        texts = list(entry.condition.texts)
        speaks &= source[entry.condition.column].is_in(texts).fill_null(value=False)
    return cells.filter(speaks)


def in_unit(cells: pl.Series, entry: Entry, missing: tuple[str, ...], factor: float) -> pl.Series:
    """Numbers in the unit of the element; a code such as 1000000 is none, however it is written."""
    codes = [float(code) for code in missing if code.replace(".", "").isdigit()]
    numbers = cells.cast(pl.Float64)
    assert entry.type in {ColumnType.NUMBER, ColumnType.INTEGER}
    return numbers.filter(~numbers.is_in(codes)) * factor


@pytest.mark.parametrize("name", PATIENTS)
def test_the_check_finds_nothing_that_blocks(admitted: dict[str, Admitted], name: str) -> None:
    """Every column is declared, no cell contradicts its line, every unmapped column says why."""
    contribution = admitted[name].contribution

    report = check(contribution, hm.disease(contribution.disease).catalogue)

    assert report.sound
    assert not report.problems.filter(pl.col("severity") != "note").height
    for entry in contribution.dictionary:
        assert entry.element or entry.role.value == "patient identifier" or entry.note, entry


@pytest.mark.parametrize("name", PATIENTS)
def test_every_cell_is_accounted_for(admitted: dict[str, Admitted], name: str) -> None:
    """Every patient is there; cells = missing + kept + kept aside, in every mapped column."""
    (member,) = admitted[name].release.manifest.members

    assert member.patients == PATIENTS[name] == admitted[name].source.height
    assert admitted[name].account
    for row in admitted[name].account:
        assert row["cells"] == row["missing"] + row["kept"] + row["set_aside"], row


@pytest.mark.parametrize("name", PATIENTS)
def test_what_is_written_comes_back(admitted: dict[str, Admitted], name: str) -> None:
    """Every fact comes back from OMOP through its element, source values blanked."""
    contribution = admitted[name].contribution
    disease = hm.disease(contribution.disease)
    harmonised = to_omop(protected(check(contribution, disease.catalogue)), disease, 1)

    back = read(disease.catalogue.values(), blanked(harmonised.tables))

    written = harmonised.facts.select(READ.names()).sort(READ.names(), nulls_last=True)
    assert written.height >= 4 * PATIENTS[name]
    assert back.sort(READ.names(), nulls_last=True).equals(written)


@pytest.mark.parametrize("name", PATIENTS)
def test_only_events_after_death_are_kept_aside(admitted: dict[str, Admitted], name: str) -> None:
    """Three events of two sources are dated after the death; all other values are used.

    The phase of a transplant is the exception while it cannot be written without a day.
    """
    aside = admitted[name].release.table("set_aside")
    aside = aside.filter(pl.col("element") != "transplant_phase")

    expected = {element: n for (where, element), n in AFTER_DEATH.items() if where == name}
    assert count(aside["element"]) == expected


@pytest.mark.parametrize("name", PATIENTS)
def test_every_value_equals_the_file(admitted: dict[str, Admitted], name: str) -> None:
    """Classes are counted, and numbers added up, in the file and in the release."""
    contribution, release = admitted[name].contribution, admitted[name].release
    catalogue = hm.disease(contribution.disease).catalogue
    entries = contribution.dictionary.mapped()
    feeds = Counter(entry.element for entry in entries)
    single = [e for e in entries if feeds[e.element] == 1 and (name, e.element) not in AFTER_DEATH]
    single = [e for e in single if e.element not in {"centre", "transplant_phase"}]
    table = release.features([entry.element for entry in single])

    assert len(single) >= 3
    for entry in single:
        element, values = catalogue[entry.element], table[entry.element].drop_nulls()
        cells = said(admitted[name].source, entry)
        if element.type.is_numeric:
            numbers = in_unit(cells, entry, entry.missing, element.units.get(entry.unit, 1.0))
            numbers = numbers if element.type.value == "number" else numbers.round()
            assert values.len() == numbers.len(), entry.column
            assert values.cast(pl.Float64).sum() == pytest.approx(numbers.sum()), entry.column
        else:
            renamed = cells.replace(dict(entry.value_map)) if entry.value_map else cells
            assert count(values) == count(renamed), entry.column


def test_a_gammopathy_becomes_malignant_in_one_in_nine(admitted: dict[str, Admitted]) -> None:
    """mgus2: 115 progressions and 963 deaths; 3.4, 6.4, 8.7, 10.0 and 10.9 % at 5 to 25 years."""
    names = ["plasma_cell_malignancy_day", "last_contact_day", "vital_status", "os_event"]
    table = admitted["mayo_plasma_cell_mgus2"].release.features(names).with_columns(
        pl.coalesce("plasma_cell_malignancy_day", "last_contact_day").alias("days"),
        pl.when(pl.col("plasma_cell_malignancy_day").is_not_null())
        .then(1)
        .when(pl.col("vital_status") == "dead")
        .then(2)
        .otherwise(0)
        .alias("outcome"),
    )  # fmt: skip

    curve = survival.aalen_johansen("Surv(days, outcome) ~ 1", table)
    at = curve.at([round(months * MONTH) for months in (60, 120, 180, 240, 300)])

    assert (table["outcome"] == 1).sum() == 115
    assert table["os_event"].sum() == 963
    first = at.filter(pl.col("state") == at["state"][0])["incidence"]
    assert [round(100 * share, 1) for share in first] == [3.4, 6.4, 8.7, 10.0, 10.9]


def test_the_first_gammopathies_are_told_by_what_they_became(
    admitted: dict[str, Admitted],
) -> None:
    """mgus: 64 of 241 became malignant: 44 myelomas, 8 amyloidoses, 7 macroglobulinaemias."""
    names = ["plasma_cell_malignancy", "plasma_cell_malignancy_day", "os_event"]
    table = admitted["mayo_plasma_cell_mgus"].release.features(names)

    assert count(table["plasma_cell_malignancy"]) == {
        "multiple myeloma": 44, "amyloidosis": 8, "macroglobulinaemia": 7, "lymphoproliferative": 5,
    }  # fmt: skip
    assert table["plasma_cell_malignancy_day"].count() == 64
    assert table["os_event"].sum() == 225


def test_late_entry_shortens_survival_with_myeloma(admitted: dict[str, Admitted]) -> None:
    """myeloma: 2,769 deaths; counted from entry on, half are dead earlier than it first seems."""
    made = admitted["mayo_plasma_cell_myeloma"]
    table = made.release.features(["entry_day", "os_days", "os_event"])
    entry, days, died = (
        made.source[column].cast(pl.Int64).to_numpy() for column in ("entry", "futime", "death")
    )

    truncated = survival.kaplan_meier("Surv(entry_day, os_days, os_event) ~ 1", table).curves[0]
    naive = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", table).curves[0]

    assert table["os_event"].sum() == 2769
    assert truncated.median.value == _median(entry, days, died)
    assert naive.median.value == _median(np.full_like(entry, -1), days, died)
    assert truncated.median.value < naive.median.value


def _median(entry: Days, days: Days, died: Days) -> float:
    """The first day with at most half alive, by the product of daily survival."""
    alive = 1.0
    for day in np.unique(days[died == 1]):
        at_risk = ((entry < day) & (days >= day)).sum()
        alive *= 1 - ((days == day) & (died == 1)).sum() / at_risk
        if alive <= 0.5:
            return float(day)
    return float("nan")


def test_the_null_likelihood_of_krall_is_the_known_one(admitted: dict[str, Admitted]) -> None:
    """-2 log L without covariates is 309.716 (SAS); haemoglobin alone lowers it."""
    table = admitted["myeloma_krall"].release.features(["os_days", "os_event", "haemoglobin"])

    fit = survival.cox("Surv(os_days, os_event) ~ haemoglobin", table, ties="breslow")

    assert table["os_event"].sum() == 48
    assert round(-2 * fit.log_likelihood.null, 3) == 309.716
    assert fit.coefficients[0] < 0


def test_expression_groups_of_myeloma_differ(admitted: dict[str, Admitted]) -> None:
    """GSE4581: 70 deaths from the disease; log-rank over seven groups 18.68; 1q tested in 186.

    The file counts hundredths of months. In whole days some deaths are tied, which gives 18.70.
    """
    made = admitted["myeloma_gse4581"]
    names = ["dss_days", "dss_event", "myeloma_expression_group", "gain_1q", "copies_1q21"]
    table = made.release.features(names)
    months = made.source.with_columns(pl.col("time", "event").cast(pl.Float64))

    exact = survival.logrank("Surv(time, event) ~ molecular_group", months)
    test = survival.logrank("Surv(dss_days, dss_event) ~ myeloma_expression_group", table)

    assert table["dss_event"].sum() == 70
    assert (round(exact.statistic, 2), exact.df, round(exact.p, 4)) == (18.68, 6, 0.0047)
    assert (round(test.statistic, 2), test.df, round(test.p, 4)) == (18.70, 6, 0.0047)
    assert count(table["copies_1q21"]) == {"2": 93, "3": 55, "4 or more": 38}
    assert count(table["gain_1q"]) == {"negative": 93, "positive": 93}


def test_causes_of_death_after_transplant(admitted: dict[str, Admitted]) -> None:
    """ebmt2: relapse 1,098, other 924, GvHD 834, fungi 156, bacteria 151, viruses 147."""
    release = admitted["ebmt_2"].release
    table = release.features(["cause_of_death", "vital_status", "diagnosis"])

    assert count(table["cause_of_death"]) == {
        "relapse": 1098, "other": 924, "graft-versus-host disease": 834,
        "fungal infection": 156, "bacterial infection": 151, "viral infection": 147,
    }  # fmt: skip
    assert count(table["vital_status"]) == {"alive": 5656, "dead": 3310}
    assert release.table("death").height == 3310
    assert count(table["diagnosis"]) == {
        "chronic myeloid leukaemia": 3582, "acute myeloid leukaemia": 3514,
        "acute lymphoblastic leukaemia": 1870,
    }  # fmt: skip


def test_relapses_of_chronic_myeloid_leukaemia(admitted: dict[str, Admitted]) -> None:
    """ebmt1: 456 relapses and 872 deaths in 1,977 patients."""
    table = admitted["ebmt_1"].release.features(["relapse_day", "os_event", "ebmt_risk"])

    assert (table["relapse_day"].count(), table["os_event"].sum()) == (456, 872)
    assert count(table["ebmt_risk"]) == {"medium": 1404, "low": 406, "high": 167}


def test_transitions_after_transplant(admitted: dict[str, Admitted]) -> None:
    """ebmt3: 1,169 recover, 458 relapse or die before and 383 after; 577 and 786 stay."""
    names = ["platelet_recovery_day", "efs_days", "efs_event"]
    table = admitted["ebmt_3"].release.features(names)

    recovered, event = pl.col("platelet_recovery_day").is_not_null(), pl.col("efs_event")
    moves = table.select(
        recovered.sum().alias("recovered"),
        (~recovered & event).sum().alias("before"),
        (recovered & event).sum().alias("after"),
        (~recovered & ~event).sum().alias("waiting"),
        (recovered & ~event).sum().alias("well"),
    )

    assert moves.row(0) == (1169, 458, 383, 577, 786)
    assert table.filter(pl.col("platelet_recovery_day") > pl.col("efs_days")).is_empty()


def test_the_patients_of_klein_and_moeschberger(admitted: dict[str, Admitted]) -> None:
    """KMsurv: ALL 38, AML of low risk 54 and of high risk 45; 81 deaths, 42 relapses."""
    names = ["diagnosis", "transplant_risk", "os_event", "relapse_day", "efs_event",
             "acute_gvhd_day", "chronic_gvhd", "platelet_recovery_day"]  # fmt: skip
    table = admitted["bmt_classics_kmsurv"].release.features(names)

    groups = table.group_by("diagnosis", "transplant_risk").len()
    assert {row[:2]: row[2] for row in groups.iter_rows()} == {
        ("acute lymphoblastic leukaemia", None): 38,
        ("acute myeloid leukaemia", "low"): 54,
        ("acute myeloid leukaemia", "high"): 45,
    }
    assert (table["os_event"].sum(), table["efs_event"].sum()) == (81, 83)
    assert (table["relapse_day"].count(), table["acute_gvhd_day"].count()) == (42, 26)
    assert count(table["chronic_gvhd"]) == {"no": 76, "yes": 61}
    assert table["platelet_recovery_day"].count() == 120


def test_first_events_are_told_apart_where_the_source_does(admitted: dict[str, Admitted]) -> None:
    """bmtcrr: 56 relapses and 75 competing events; timereg: 87 and 161."""
    seen = {}
    for name in ("bmt_classics_bmtcrr", "bmt_classics_timereg"):
        table = admitted[name].release.features(["efs_event", "relapse_day"])
        relapses = table["relapse_day"].count()
        seen[name] = relapses, table["efs_event"].sum() - relapses, table["efs_event"].count()

    assert seen == {
        "bmt_classics_bmtcrr": (56, 75, 177),
        "bmt_classics_timereg": (87, 161, 408),
    }
    assert admitted["bmt_classics_timereg"].contribution.in_silico


def test_nobody_without_follow_up_has_a_survival(admitted: dict[str, Admitted]) -> None:
    """Where death is one half of an event, or unknown, overall survival is missing for all."""
    silent = ("ebmt_3", "myeloma_gse4581", "bmt_classics_alloauto", "bmt_classics_hodg",
              "bmt_classics_cibmtr", "bmt_classics_bmtcrr", "hsct_cmv_medicaldata")  # fmt: skip
    for name in silent:
        table = admitted[name].release.features(["os_days", "os_event"])
        assert table["os_days"].count() == table["os_event"].count() == 0, name


def test_children_after_transplant(admitted: dict[str, Admitted]) -> None:
    """85 of 187 children died; 64.7, 56.9 and 53.3 % are alive after 1, 2 and 5 years."""
    table = admitted["bmt_children_uci"].release.features(["os_days", "os_event"])

    curve = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", table)
    alive = curve.at([365, 730, 1826])["survival"]

    assert table["os_event"].sum() == 85
    assert [round(100 * share, 1) for share in alive] == [64.7, 56.9, 53.3]


def test_a_sentinel_is_no_day(admitted: dict[str, Admitted]) -> None:
    """1000000 says that blood did not recover, or that severe GvHD did not come."""
    names = ["neutrophil_recovery", "neutrophil_recovery_day", "platelet_recovery",
             "platelet_recovery_day", "acute_gvhd_3_4", "acute_gvhd_3_4_day"]  # fmt: skip
    table = admitted["bmt_children_uci"].release.features(names)

    for event in ("neutrophil_recovery", "acute_gvhd_3_4"):
        assert (table[event] == "yes").sum() == table[f"{event}_day"].count()
        assert table[event].null_count() == 0
    late = AFTER_DEATH["bmt_children_uci", "platelet_recovery_day"]
    recovered = (table["platelet_recovery"] == "yes").sum()
    assert recovered == table["platelet_recovery_day"].count() + late
    assert table["neutrophil_recovery_day"].max() == 26
    assert table["acute_gvhd_3_4_day"].count() == 40


def test_cytomegalovirus_and_the_donors_killer_cells(admitted: dict[str, Admitted]) -> None:
    """26 of 64 reactivated the virus; rarer, after 5 or 6 activating genes than after 1 to 4."""
    names = ["donor_activating_kir", "cmv_reactivation", "cmv_reactivation_day",
             "observed_until_day", "cd34_dose", "diagnosis"]  # fmt: skip
    table = admitted["hsct_cmv_medicaldata"].release.features(names).with_columns(
        pl.coalesce("cmv_reactivation_day", "observed_until_day").alias("days"),
        (pl.col("cmv_reactivation") == "yes").alias("reactivated"),
        (pl.col("donor_activating_kir") >= 5).alias("many"),
    )  # fmt: skip

    shares = dict(table.group_by("many").agg(pl.col("reactivated").mean()).iter_rows())

    assert table["reactivated"].sum() == table["cmv_reactivation_day"].count() == 26
    assert table["days"].null_count() == 0
    assert shares[True] < shares[False]
    assert table["observed_until_day"].null_count() == 6
    assert table["cd34_dose"].max() == pytest.approx(12.51)
    assert (table["diagnosis"] == "other cancer").sum() == 4


def test_a_number_names_one_patient(admitted: dict[str, Admitted]) -> None:
    """Every cohort counts its patients from 1, so each is a partner of its own.

    A person is a partner and a number: two cohorts of one partner would share their persons.
    """
    partners = [made.contribution.partner for made in admitted.values()]

    assert len(set(partners)) == len(partners)


def test_the_general_population_is_no_contribution(shared_data: Path) -> None:
    """flchain: 115 of 7,874 persons had a gammopathy; a lake of patients cannot hold the others."""
    persons = pl.read_csv(shared_data / "mayo_plasma_cell" / "flchain.csv")

    assert (persons.height, persons["mgus"].sum()) == (7874, 115)
    assert known("mayo_plasma_cell_flchain") is None
