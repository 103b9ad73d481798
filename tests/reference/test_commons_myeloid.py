"""MDS, myeloproliferative neoplasms, CML and small AML sets, from their files to a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml

import haemony as hm
from haemony.analysis import survival
from haemony.harmonise.cytogenetics import finding_in
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.read import READ, read
from haemony.intake import check
from haemony.intake.known import known
from haemony.model.element import Finding, ValueType
from support.protection import protected
from support.tables import blanked

PATIENTS = {
    "mds_tp53_iwg": 3324,
    "mpn_grinfeld": 1873,
    "cml_benelux_wbc": 190,
    "leuksurv_nw_england": 1043,
    "aml_trial_myeloid": 646,
    "small_leukaemia_aml": 23,
    "small_leukaemia_gehan": 42,
    "small_leukaemia_leuk": 33,
    "small_leukaemia_response": 51,
}
"""The patients of every contribution; in MPN two have two rows, and four rows hold none."""

CALLS_ALONE = {"apl_relapse_primary": 124, "apl_relapse_relapse": 58}
"""Samples of the contributions that bring calls and no table with one row per patient."""

YEAR = 365
"""Days in a year of the MDS study."""


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


def contribution_of(name: str, shared_data: Path) -> hm.Contribution:
    """A known contribution, with the folder of data that its description names."""
    folder = known(name)
    assert folder is not None
    description = yaml.safe_load((folder / "contribution.yaml").read_text(encoding="utf-8"))
    return hm.Contribution.load(folder, shared_data / description["found_in"])


@pytest.fixture(scope="module")
def admitted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Admitted]:
    """Each contribution alone in a workspace of its own."""
    made = {}
    for name in PATIENTS:
        contribution = contribution_of(name, shared_data)
        workspace = hm.Workspace.init(tmp_path_factory.mktemp(name) / "commons")
        made[name] = Admitted(contribution, hm.admit([contribution], workspace).release)
    return made


@pytest.fixture
def mds(admitted: dict[str, Admitted]) -> hm.Release:
    """The release that holds the MDS patients of the International Working Group."""
    return admitted["mds_tp53_iwg"].release


@pytest.fixture
def mpn(admitted: dict[str, Admitted]) -> hm.Release:
    """The release that holds the patients with myeloproliferative neoplasms."""
    return admitted["mpn_grinfeld"].release


@pytest.fixture(scope="module")
def mpn_source(shared_data: Path) -> pl.DataFrame:
    """The rows of the MPN file that the release holds: those of a patient, the first of each."""
    path = shared_data / "mpn_grinfeld/mpn_input.csv"
    rows = pl.read_csv(path, infer_schema_length=None)
    rows = rows.filter(pl.col("id2").is_not_null() & (pl.col("id2") != ""))
    return rows.unique("id2", keep="first", maintain_order=True)


def mds_source(shared_data: Path, file: str) -> pl.DataFrame:
    """A file of the MDS study, every cell as text."""
    path = shared_data / "mds_tp53_iwg" / file
    return pl.read_csv(path, separator="\t", infer_schema=False, null_values="NA")


def counted(values: pl.Series) -> dict[str, int]:
    """How often each known value occurs."""
    return dict(values.drop_nulls().cast(pl.String).value_counts().iter_rows())


def positives(table: pl.DataFrame, elements: list[str]) -> dict[str, tuple[int, int]]:
    """Positive and tested patients of every finding."""
    return {
        name: (int((table[name] == "positive").sum()), table.height - table[name].null_count())
        for name in elements
    }


@pytest.mark.parametrize("name", PATIENTS)
def test_the_check_finds_nothing_that_blocks(admitted: dict[str, Admitted], name: str) -> None:
    """Every column is declared, no cell contradicts its line, every unmapped column says why."""
    contribution = admitted[name].contribution

    report = check(contribution, hm.disease(contribution.disease).catalogue)

    assert report.sound
    rows = {"every row names its patient", "one row per patient"}
    warned = report.problems.filter(pl.col("severity") != "note")
    assert set(warned["rule"]) == (rows if name == "mpn_grinfeld" else set())
    for entry in contribution.dictionary:
        assert entry.element or entry.role.value == "patient identifier" or entry.note, entry


@pytest.mark.parametrize("name", PATIENTS)
def test_every_cell_is_accounted_for(admitted: dict[str, Admitted], name: str) -> None:
    """Every patient is there; cells = missing + kept + kept aside, in every mapped column."""
    (member,) = admitted[name].release.manifest.members

    assert member.patients == PATIENTS[name]
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
    assert written.height > 3 * PATIENTS[name]
    assert back.sort(READ.names(), nulls_last=True).equals(written)


@pytest.mark.parametrize("name", PATIENTS)
def test_the_rules_of_the_disease_hold(admitted: dict[str, Admitted], name: str) -> None:
    """No clinical rule is broken beyond its tolerance."""
    (member,) = admitted[name].release.manifest.members

    broken = [rule for rule in member.grade["rules"] if not rule["holds"]]

    assert broken == []


def test_tp53_is_mutated_in_a_ninth(mds: hm.Release, shared_data: Path) -> None:
    """486 TP53 mutations in 378 of 3,324 patients, all of whom were sequenced."""
    calls = mds_source(shared_data, "maf_TP53.tsv")

    table = mds.features(["TP53", "TP53_allelic_state"])

    assert mds.table("variant").height == calls.height == 486
    assert positives(table, ["TP53"]) == {"TP53": (378, 3324)}
    assert counted(table["TP53_allelic_state"]) == {"mono-allelic": 125, "multi-hit": 253}


def test_mds_survival_is_the_published_one(mds: hm.Release) -> None:
    """Median survival is 3.11 years in 3,172 patients, of whom 1,547 died."""
    table = mds.features(["os_days", "os_event"])

    (curve,) = survival.kaplan_meier("Surv(os_days, os_event) ~ 1", table).curves

    known_ = table.drop_nulls()
    assert (known_.height, int(known_["os_event"].sum())) == (3172, 1547)
    assert curve.median.value is not None
    assert round(curve.median.value / YEAR, 2) == 3.11


def test_only_the_multi_hit_state_shortens_life(mds: hm.Release) -> None:
    """One hit TP53 allele is no worse than none; two are."""
    table = mds.features(["os_days", "os_event", "TP53", "TP53_allelic_state"])
    state = pl.coalesce(
        pl.col("TP53_allelic_state").cast(pl.String),
        pl.when(pl.col("TP53") == "negative").then(pl.lit("0 none")),
    )

    fit = survival.cox("Surv(os_days, os_event) ~ state", table.with_columns(state=state))

    hazard = dict(zip(fit.names, fit.coefficients / fit.standard_errors, strict=True))
    mono, multi = (next(z for name, z in hazard.items() if key in name) for key in ("mono", "mul"))
    assert abs(mono) < 1.96
    assert multi > 10


def test_mds_classes_equal_the_file(mds: hm.Release, shared_data: Path) -> None:
    """Classes, risk groups and treatments are counted alike in the file and in the release."""
    source = mds_source(shared_data, "dd_clinical_cyto_chr17.tsv")
    columns = {
        "MDS_TYPE": "mds_type",
        "WHO_2016": "who_2016_mds",
        "CYTO_IPSSR": "ipss_r_cytogenetics",
        "IPSSR_CALCULATED": "ipss_r",
        "chr17": "TP53_locus",
        "transplant": "transplanted",
        "hma": "hypomethylating_agent",
        "lenalidomid": "lenalidomide_given",
        "RINGED_SIDEROBLASTS_BINARY15": "ringed_sideroblasts_15",
    }

    table = mds.features(list(columns.values()))

    for column, element in columns.items():
        found, expected = counted(table[element]), counted(source[column])
        assert sorted(found.values()) == sorted(expected.values()), column
    assert counted(table["ipss_r_cytogenetics"])["very poor"] == 254


def test_ipss_r_is_what_its_points_say(mds: hm.Release) -> None:
    """The source's risk group follows from the five inputs that the release holds."""
    names = ["marrow_blasts", "haemoglobin", "platelets", "neutrophils", "ipss_r_cytogenetics"]
    table = mds.features([*names, "ipss_r"]).drop_nulls([*names, "ipss_r"])
    groups = ["very good", "good", "intermediate", "poor", "very poor"]
    risks = ["very low", "low", "intermediate", "high", "very high"]
    blasts, hb = pl.col("marrow_blasts"), pl.col("haemoglobin")
    points = (
        (blasts > 2).cast(pl.Float64)
        + (blasts >= 5)
        + (blasts > 10)
        + pl.when(hb >= 10).then(0.0).when(hb >= 8).then(1.0).otherwise(1.5)
        + pl.when(pl.col("platelets") >= 100).then(0.0).otherwise(0.5)
        + pl.when(pl.col("platelets") < 50).then(0.5).otherwise(0.0)
        + pl.when(pl.col("neutrophils") >= 0.8).then(0.0).otherwise(0.5)
        + pl.col("ipss_r_cytogenetics").cast(pl.String).replace_strict(groups, [0, 1, 2, 3, 4])
    )

    risk = pl.sum_horizontal((points > cut).cast(pl.Int64) for cut in (1.5, 3, 4.5, 6))
    stated = pl.col("ipss_r").cast(pl.String).replace_strict(risks, [0, 1, 2, 3, 4])

    same = table.select((risk == stated).mean()).item()
    assert table.height > 2500
    assert same > 0.99


def test_mds_findings_equal_the_file(
    admitted: dict[str, Admitted], mds: hm.Release, shared_data: Path
) -> None:
    """Positive and tested patients of 34 changes and 124 genes, counted in the files."""
    contribution = admitted["mds_tp53_iwg"].contribution
    files = {"changes": "dd_matrix_binary_cyto.tsv", "comutations": "dd_comutation.tsv"}
    catalogue = mds.disease.catalogue
    expected = {}
    for name, file in files.items():
        source = mds_source(shared_data, file)
        for entry in contribution.dictionary.mapped(name):
            cells = source[entry.column]
            positive = int((cells.drop_nulls() != "0").sum())
            expected[entry.element] = (positive, cells.len() - cells.null_count())
    assert all(catalogue[name].type is ValueType.FINDING for name in expected)

    table = mds.features(list(expected))

    assert len(expected) == 160
    assert positives(table, list(expected)) == expected
    assert expected["cn_loss_5q"] == (484, 3324)
    assert expected["TET2"] == (56, 378)


def test_the_karyotype_text_finds_what_the_matrix_says(mds: hm.Release) -> None:
    """Karyotype and matrix, which adds sequencing, agree in 97 of 100 patients with both."""
    pairs = {
        "minus_7": "cn_loss_7",
        "trisomy_8": "cn_gain_8",
        "minus_Y": "cn_loss_Y",
        "del_5q": "cn_loss_5q",
        "plus_21": "cn_gain_21",
    }
    table = mds.features([*pairs, *pairs.values()])

    for text, matrix in pairs.items():
        both = table.drop_nulls([text, matrix])
        agree = both.select((pl.col(text) == pl.col(matrix)).mean()).item()
        assert both.height > 2900, text
        assert agree > 0.97, text


def test_transformation_to_aml_is_dated(mds: hm.Release, shared_data: Path) -> None:
    """562 transformed; 558 of them on a known day, which is the file's years of 365 days."""
    source = mds_source(shared_data, "dd_clinical_cyto_chr17.tsv").filter(
        pl.col("aml_status") == "1"
    )
    days = (source["aml_sample_years"].drop_nulls().cast(pl.Float64) * YEAR).round()

    table = mds.features(["aml_transformation", "aml_transformation_day", "lfs_days", "lfs_event"])

    assert counted(table["aml_transformation"]) == {"yes": 562, "no": 2599}
    known_ = table["aml_transformation_day"].drop_nulls().sort().to_list()
    assert known_ == days.cast(pl.Int64).sort().to_list()
    assert len(known_) == 558
    assert table["lfs_event"].drop_nulls().sum() >= 1547


def test_mpn_diagnoses_and_drivers_are_the_known_ones(
    mpn: hm.Release, mpn_source: pl.DataFrame
) -> None:
    """ET 1,243, PV 312, MF 276 and 42 others; one ET and one other patient had two rows."""
    table = mpn.features(["diagnosis", "mpn_driver"])

    named = {
        "essential thrombocythaemia": 1243,
        "polycythaemia vera": 312,
        "myelofibrosis": 276,
        "idiopathic erythrocytosis": 11,
    }
    found = counted(table["diagnosis"])
    assert {name: found[name] for name in named} == named
    assert sum(found.values()) - sum(named.values()) == 31
    drivers = counted(mpn_source["Driver"])
    drivers["triple-negative"] = drivers.pop("TN")
    assert counted(table["mpn_driver"]) == drivers
    assert (drivers["JAK2"], drivers["CALR"], drivers["MPL"]) == (1188, 372, 65)


def test_scaled_covariates_are_unscaled(mpn: hm.Release, mpn_source: pl.DataFrame) -> None:
    """Tens of years and hundreds of grams become years, g/dL and 10⁹/L."""
    table = mpn.features(["age_at_diagnosis", "haemoglobin", "wbc", "platelets"])

    factors = {"Age": 10, "Hb": 10, "WCC": 100, "Pl": 1000}
    for (column, factor), element in zip(factors.items(), table.columns[-4:], strict=True):
        expected = (mpn_source[column].drop_nulls() * factor).sort()
        assert table[element].drop_nulls().sort().to_list() == pytest.approx(expected.to_list())
    assert table["age_at_diagnosis"].median() == 56
    assert table["haemoglobin"].median() == pytest.approx(14.1)


def test_mpn_findings_equal_the_file(
    admitted: dict[str, Admitted], mpn: hm.Release, mpn_source: pl.DataFrame
) -> None:
    """Positive patients of 55 genes and changes, counted in the file and in the release."""
    entries = [
        entry
        for entry in admitted["mpn_grinfeld"].contribution.dictionary.mapped()
        if entry.value_map.get("1") == "positive" and not entry.where
    ]

    table = mpn.features([*(entry.element for entry in entries), "JAK2_V617F"])

    assert len(entries) == 55
    found = positives(table, [entry.element for entry in entries])
    for entry in entries:
        assert found[entry.element] == (mpn_source[entry.column].sum(), 1873), entry.column
    assert (found["JAK2"][0], found["JAK2_exon12"][0]) == (1199, 6)
    assert table["JAK2_V617F"].null_count() == 6


def test_mpn_events_are_dated(mpn: hm.Release, mpn_source: pl.DataFrame) -> None:
    """A time is an event's where its status says so, two after last contact are aside."""
    events = {
        ("AMLT", "AMLTC"): "aml_transformation_day",
        ("MFT", "MFTC"): "mf_transformation_day",
        ("PVT", "PVTC"): "pv_transformation_day",
        ("Throm", "ThromC"): "thrombosis_day",
    }
    table = mpn.features([*events.values(), "os_event"])

    for (time, status), element in events.items():
        seen = mpn_source.filter((pl.col(status) == 1) & (pl.col(time) <= pl.col("Death")))
        days = seen[time].drop_nulls().sort().to_list()
        assert table[element].drop_nulls().sort().to_list() == days, element
    assert table["aml_transformation_day"].drop_nulls().len() == 86
    assert table["mf_transformation_day"].drop_nulls().len() == 62
    aside = mpn.table("set_aside").filter(pl.col("stage") == "grade")
    assert aside["element"].to_list() == ["thrombosis_day"] * 2
    assert table["os_event"].sum() == mpn_source["DeathC"].sum()


def test_cml_survival_by_sokal_is_the_known_one(admitted: dict[str, Admitted]) -> None:
    """109 of 190 died; Sokal score and age give a concordance of 0.609."""
    release = admitted["cml_benelux_wbc"].release
    table = release.features(["os_days", "os_event", "sokal_score", "age_at_diagnosis"])

    fit = survival.cox("Surv(os_days, os_event) ~ sokal_score + age_at_diagnosis", table)

    assert table["os_event"].sum() == 109
    assert round(fit.concordance.value, 3) == 0.609


def test_leukaemia_in_north_west_england_is_the_known_one(admitted: dict[str, Admitted]) -> None:
    """879 of 1,043 died; age, sex, white cells and deprivation give a concordance of 0.682."""
    names = ["age_at_diagnosis", "sex", "wbc", "townsend_score"]
    release = admitted["leuksurv_nw_england"].release
    table = release.features([*names, "residence_district", "os_days", "os_event"])

    fit = survival.cox(f"Surv(os_days, os_event) ~ {' + '.join(names)}", table)

    assert table["os_event"].sum() == 879
    assert round(fit.concordance.value, 3) == 0.682
    assert table["residence_district"].n_unique() == 24


def test_the_simulated_trial_is_the_known_one(admitted: dict[str, Admitted]) -> None:
    """320 of 646 simulated patients died; log-rank 9.59; log hazard ratio -0.3457 (0.1122)."""
    known_ = admitted["aml_trial_myeloid"]
    table = known_.release.features(["os_days", "os_event", "arm"])

    test = survival.logrank("Surv(os_days, os_event) ~ arm", table)
    fit = survival.cox("Surv(os_days, os_event) ~ arm", table)

    assert known_.contribution.in_silico
    assert table["os_event"].sum() == 320
    assert round(test.statistic, 2) == 9.59
    assert round(float(fit.coefficients[0]), 4) == -0.3457
    assert round(float(fit.standard_errors[0]), 4) == 0.1122


def test_mercaptopurine_is_the_textbook(admitted: dict[str, Admitted]) -> None:
    """Log-rank 16.79; hazard ratio of the controls 4.82 by Efron and 4.52 by Breslow."""
    release = admitted["small_leukaemia_gehan"].release
    table = release.features(["efs_days", "efs_event", "relapse_day", "arm", "diagnosis"])
    table = table.with_columns(control=(pl.col("arm") == "control").cast(pl.Float64))

    test = survival.logrank("Surv(efs_days, efs_event) ~ arm", table)
    efron = survival.cox("Surv(efs_days, efs_event) ~ control", table)
    breslow = survival.cox("Surv(efs_days, efs_event) ~ control", table, ties="breslow")

    assert round(test.statistic, 2) == 16.79
    ratios = [float(fit.table()["hazard_ratio"][0]) for fit in (efron, breslow)]
    assert [round(ratio, 2) for ratio in ratios] == [4.82, 4.52]
    assert table["relapse_day"].drop_nulls().len() == 30
    assert counted(table["diagnosis"]) == {"acute leukaemia": 42}


def test_small_sets_are_whole(admitted: dict[str, Admitted]) -> None:
    """18 relapses in 23, 33 deaths in 33, 24 responses and 45 deaths in 51 patients."""
    embury = admitted["small_leukaemia_aml"].release.features(["efs_event", "relapse_day"])
    feigl = admitted["small_leukaemia_leuk"].release.features(["os_event", "ag_factor", "wbc"])
    answer = admitted["small_leukaemia_response"].release.features(["os_event", "responded"])

    assert embury["efs_event"].sum() == embury["relapse_day"].drop_nulls().len() == 18
    assert feigl["os_event"].sum() == 33
    assert counted(feigl["ag_factor"]) == {"present": 17, "absent": 16}
    assert feigl["wbc"].median() == pytest.approx(10.5)
    assert answer["os_event"].sum() == 45
    assert counted(answer["responded"]) == {"no": 27, "yes": 24}


@pytest.mark.parametrize("name", CALLS_ALONE)
def test_samples_of_promyelocytic_leukaemia_are_read(shared_data: Path, name: str) -> None:
    """Every sample with a call is a patient, with every call of its own."""
    contribution = contribution_of(name, shared_data)
    aml = hm.disease("aml")
    report = check(contribution, aml.catalogue)
    assert report.sound

    harmonised = to_omop(protected(report), aml, 1)

    assert harmonised.tables["person"].height == CALLS_ALONE[name]
    path = next(iter(contribution.tables.values()))[0]
    source = pl.read_csv(path, separator="\t", infer_schema=False)
    assert harmonised.tables["variant"].height == source.height


@pytest.mark.parametrize("name", ["mds_tp53_iwg", "mpn_grinfeld", "cml_benelux_wbc"])
def test_every_endpoint_can_be_asked_for(admitted: dict[str, Admitted], name: str) -> None:
    """Days and event of each endpoint come as columns, empty where the source has no event."""
    release = admitted[name].release
    endpoints = list(release.disease.endpoints)

    table = release.features([f"{e}_{part}" for e in endpoints for part in ("days", "event")])

    assert table.height == PATIENTS[name]
    assert {"os", "rfs", "pfs"} < set(endpoints)


SCORES = {
    "mds": "marrow_blasts haemoglobin platelets neutrophils ipss_r_cytogenetics age_at_diagnosis "
    "ASXL1 BCOR BCORL1 CBL CEBPA DNMT3A ETNK1 ETV6 EZH2 FLT3 FLT3_ITD GATA2 GNB1 IDH1 IDH2 KRAS "
    "KMT2A_PTD NF1 NPM1 NRAS PHF6 PPM1D PRPF8 PTPN11 RUNX1 SETBP1 SF3B1 SRSF2 STAG2 TP53 U2AF1 "
    "WT1 TP53_allelic_state",
    "mpn": "age_at_diagnosis sex haemoglobin wbc platelets blood_blasts constitutional_symptoms "
    "transfusion_dependent marrow_fibrosis mpn_karyotype_risk mf_origin CALR_type_1 ASXL1 EZH2 "
    "SRSF2 IDH1 IDH2 U2AF1_Q157",
    "cml": "age_at_diagnosis spleen_size platelets blood_blasts eosinophil_share basophil_share",
    "aml": "age_at_diagnosis t_8_21 inv_16 NPM1 FLT3_ITD FLT3_ITD_ratio CEBPA_bZIP "
    "CEBPA_biallelic t_9_11 t_6_9 t_v_11 t_9_22 t_8_16 inv_3 t_3q26_v minus_5 del_5q minus_7 "
    "minus_17 abn_17p complex_karyotype monosomal_karyotype ASXL1 BCOR EZH2 RUNX1 SF3B1 SRSF2 "
    "STAG2 U2AF1 ZRSR2 TP53 TP53_allele_fraction wbc platelets",
}
"""Inputs of IPSS-R and IPSS-M; DIPSS(-plus), MIPSS70(-plus), GIPSS and MYSEC-PM; Sokal, Hasford,
EUTOS and ELTS; ELN 2017 and 2022 and the Sanz score."""


@pytest.mark.parametrize("code", SCORES)
def test_the_inputs_of_the_scores_are_elements(code: str) -> None:
    """Nothing that a score of the disease asks for is without an element."""
    catalogue = hm.disease(code).catalogue

    assert [name for name in SCORES[code].split() if name not in catalogue] == []


def test_the_cytogenetic_inputs_read_iscn() -> None:
    """The cytogenetic inputs of ELN 2022 are found in the karyotype text."""
    catalogue = hm.disease("aml").catalogue
    texts = {
        "t_8_16": "46,XX,t(8;16)(p11;p13)[20]",
        "t_3q26_v": "46,XX,t(3;12)(q26;p13)[20]",
        "monosomal_karyotype": "44,XX,-5,-7[12]",
    }

    for name, text in texts.items():
        assert finding_in(text, catalogue[name]) is Finding.POSITIVE, name
        assert finding_in("46,XX[20]", catalogue[name]) is Finding.NEGATIVE, name
