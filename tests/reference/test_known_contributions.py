"""TCGA-LAML and the simulated patients of the SAL, from their files to a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.analysis import survival
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.read import READ, read
from haemony.intake import check
from haemony.intake.known import known
from support.protection import protected
from support.tables import blanked

FOLDERS = {
    "tcga_laml": "tcga_laml",
    "sal_ctab": "aml_synthetic_sal",
    "sal_nflow": "aml_synthetic_sal",
}
SIMULATED = ("sal_ctab", "sal_nflow")


@dataclass(frozen=True)
class Admitted:
    """One contribution, the workspace it was admitted to, and the release it made."""

    contribution: hm.Contribution
    workspace: hm.Workspace
    release: hm.Release

    @property
    def account(self) -> list[Mapping[str, int]]:
        """What became of the cells of every mapped column."""
        (member,) = self.release.manifest.members
        account: list[Mapping[str, int]] = member.grade["account"]
        return account


@pytest.fixture(scope="module")
def admitted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Admitted]:
    """Each contribution alone in a workspace of its own."""
    made = {}
    for name, data in FOLDERS.items():
        folder = known(name)
        assert folder is not None
        contribution = hm.Contribution.load(folder, shared_data / data)
        workspace = hm.Workspace.init(tmp_path_factory.mktemp(name) / "commons")
        release = hm.admit([contribution], workspace).release
        made[name] = Admitted(contribution, workspace, release)
    return made


@pytest.fixture
def tcga(admitted: dict[str, Admitted]) -> hm.Release:
    """The release that holds TCGA-LAML."""
    return admitted["tcga_laml"].release


def sal_source(shared_data: Path, name: str) -> pl.DataFrame:
    """The file of simulated patients, every cell as text."""
    file = f"synthetic_aml_data_{name.removeprefix('sal_')}_corrected.csv"
    return pl.read_csv(shared_data / "aml_synthetic_sal" / file, separator=";", infer_schema=False)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_check_finds_nothing_that_blocks(admitted: dict[str, Admitted], name: str) -> None:
    """Every column is declared, every mapping confirmed, and no cell contradicts its line."""
    contribution = admitted[name].contribution

    report = check(contribution, hm.disease("aml").catalogue)

    assert report.sound
    assert not report.problems.filter(pl.col("severity") != "note").height


@pytest.mark.parametrize("name", FOLDERS)
def test_every_unmapped_column_says_why(admitted: dict[str, Admitted], name: str) -> None:
    """A line of the dictionary names a patient, feeds an element, or gives its reason."""
    for entry in admitted[name].contribution.dictionary:
        assert entry.element or entry.role.value == "patient identifier" or entry.note, entry


@pytest.mark.parametrize("name", FOLDERS)
def test_every_cell_is_accounted_for(admitted: dict[str, Admitted], name: str) -> None:
    """Cells = missing + kept + kept aside, in every mapped column."""
    account = admitted[name].account

    assert account
    for row in account:
        assert row["cells"] == row["missing"] + row["kept"] + row["set_aside"], row


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_written_comes_back(admitted: dict[str, Admitted], name: str) -> None:
    """Every fact comes back from OMOP through its element, source values blanked."""
    contribution = admitted[name].contribution
    aml = hm.disease("aml")
    in_memory = protected(check(contribution, aml.catalogue))
    harmonised = to_omop(in_memory, aml, 1)

    back = read(aml.catalogue.values(), blanked(harmonised.tables))

    written = harmonised.facts.select(READ.names()).sort(READ.names(), nulls_last=True)
    assert written.height > 10_000
    assert back.sort(READ.names(), nulls_last=True).equals(written)


def test_tcga_has_its_patients(tcga: hm.Release) -> None:
    """200 patients; 188 with a follow-up, of whom 122 died; FAB known for 199."""
    table = tcga.features(["fab", "os_days", "os_event"])

    assert table.height == 200
    assert table["fab"].null_count() == 1
    assert table["os_days"].null_count() == table["os_event"].null_count() == 12
    assert table["os_event"].sum() == tcga.table("death").height == 122


def test_tcga_follow_up_of_minus_infinity_is_a_known_defect(
    admitted: dict[str, Admitted],
) -> None:
    """The 12 cells with -Inf are missing, and their vital status is kept aside with a reason."""
    rows = {row["element"]: row for row in admitted["tcga_laml"].account}
    aside = admitted["tcga_laml"].release.table("set_aside")

    assert rows["last_contact_day"]["missing"] == 12
    reasons = aside.filter(pl.col("element") == "vital_status")["reason"]
    assert reasons.to_list() == ["vital status without a day of last contact"] * 12


def test_tcga_genes_were_tested_in_the_sequenced(tcga: hm.Release, shared_data: Path) -> None:
    """Tested: the 193 with calls. Carriers of every gene equal the non-silent ones of the file."""
    genes = list(tcga.disease.catalogue.genes)
    table = tcga.features(genes)
    calls = pl.read_csv(
        shared_data / "tcga_laml/tcga_laml.maf.tsv",
        separator="\t",
        infer_schema=False,
        quote_char=None,
    ).filter(~pl.col("Variant_Classification").is_in(["Silent", "RNA", "Intron", "IGR", "5'Flank"]))
    counted = calls.with_columns(
        pl.col("Hugo_Symbol").replace(dict(tcga.disease.catalogue.symbols))
    )
    expected = dict(
        counted.group_by("Hugo_Symbol").agg(pl.col("Tumor_Sample_Barcode").n_unique()).iter_rows()
    )

    carriers = {gene: int((table[gene] == "positive").sum()) for gene in genes}

    assert {gene: 200 - table[gene].null_count() for gene in genes} == dict.fromkeys(genes, 193)
    assert carriers == {gene: expected.get(gene, 0) for gene in genes}
    published = ("FLT3", "DNMT3A", "NPM1", "IDH2", "TP53")
    assert [carriers[gene] for gene in published] == [52, 48, 33, 20, 15]


def test_tcga_survival_by_dnmt3a_is_the_known_one(tcga: hm.Release) -> None:
    """Log-rank of overall survival by DNMT3A: chi-squared 11.52 in 182 patients; HR 1.98."""
    table = tcga.features(["os_days", "os_event", "DNMT3A"])

    test = survival.logrank("Surv(os_days, os_event) ~ DNMT3A", table)
    fit = survival.cox("Surv(os_days, os_event) ~ DNMT3A", table)

    assert test.n.sum() == 182
    assert round(test.statistic, 2) == 11.52
    assert round(float(fit.coefficients[0]), 3) == 0.683
    assert round(float(fit.standard_errors[0]), 3) == 0.207


@pytest.mark.parametrize(
    ("name", "deaths", "level"), [("sal_ctab", 1030, 3), ("sal_nflow", 1031, 2)]
)
def test_simulated_patients_are_labelled(
    admitted: dict[str, Admitted], name: str, deaths: int, level: int
) -> None:
    """1,606 simulated patients; the normalising flow draws karyotypes both normal and complex."""
    contribution, release = admitted[name].contribution, admitted[name].release
    (member,) = release.manifest.members

    table = release.features(["os_days", "os_event"])

    assert contribution.in_silico
    assert "in silico" in contribution.title
    assert member.patients == table.height == 1606
    assert table["os_event"].sum() == deaths
    assert member.level == level


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_findings_equal_the_file(
    admitted: dict[str, Admitted], shared_data: Path, name: str
) -> None:
    """Positive and tested patients of every finding, counted in the file and in the release."""
    source = sal_source(shared_data, name)
    entries = [
        entry
        for entry in admitted[name].contribution.dictionary.mapped()
        if entry.value_map.get("1") == "positive"
    ]
    table = admitted[name].release.features([entry.element for entry in entries])

    assert len(entries) == 74
    for entry in entries:
        tested = table.height - table[entry.element].null_count()
        assert tested == 1606 - source[entry.column].null_count(), entry.column
        positive = (table[entry.element] == "positive").sum()
        assert positive == (source[entry.column] == "1").sum(), entry.column


@pytest.mark.parametrize("name", SIMULATED)
def test_german_units_are_converted(
    admitted: dict[str, Admitted], shared_data: Path, name: str
) -> None:
    """Decimal commas, mmol/l of haemoglobin, Gpt/l and months become the catalogue's units."""
    source = sal_source(shared_data, name).with_columns(
        pl.col("WBC", "HB", "PLT", "OSTM").str.replace(",", ".").cast(pl.Float64)
    )
    table = admitted[name].release.features(["wbc", "haemoglobin", "platelets", "os_days"])

    medians = [table[column].median() for column in ("wbc", "platelets")]
    assert medians == pytest.approx([source["WBC"].median(), source["PLT"].median()])
    assert table["haemoglobin"].median() == pytest.approx(source["HB"].median() * 1.61145)
    days = (source["OSTM"] * 30.4375).round().cast(pl.Int64).sort()
    assert table["os_days"].sort().to_list() == days.to_list()


@pytest.mark.parametrize("name", SIMULATED)
def test_the_kind_of_leukaemia_comes_from_three_columns(
    admitted: dict[str, Admitted], shared_data: Path, name: str
) -> None:
    """De novo, secondary and therapy-related as in the file; where all are 0, it is unknown."""
    source = sal_source(shared_data, name)
    table = admitted[name].release.features(["aml_type"])

    counted = dict(table["aml_type"].drop_nulls().value_counts().iter_rows())
    assert counted == {
        "de novo": (source["de_novo"] == "1").sum(),
        "secondary": (source["sAML"] == "1").sum(),
        "therapy-related": (source["tAML"] == "1").sum(),
    }


def test_tcga_was_not_tested_for_tandem_duplications(tcga: hm.Release) -> None:
    """Exome reads name no FLT3-ITD and no KMT2A-PTD: both are not tested, never negative."""
    table = tcga.features(["FLT3_ITD", "KMT2A_PTD"])

    assert table["FLT3_ITD"].null_count() == table["KMT2A_PTD"].null_count() == 200
