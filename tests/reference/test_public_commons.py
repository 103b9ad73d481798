"""The public commons: every source at hand, of every disease, in one release."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml

import haemony as hm
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.read import READ, read
from haemony.intake import check
from haemony.intake.known import at_hand, known
from haemony.model.disease import disease
from support.protection import protected
from support.tables import blanked

ROOT = Path(__file__).parents[2]
KNOWN = sorted(
    path.parent.name
    for path in (ROOT / "src" / "haemony" / "intake" / "known").glob("*/dictionary.csv")
)
NOT_PATIENTS = {"anonymization_adult"}
"""Census records for the anonymisation benchmark."""


@pytest.fixture(scope="module")
def commons(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> hm.Release:
    """One release of all of them."""
    given = [hm.Contribution.load(*places) for places in at_hand(shared_data).values()]
    workspace = hm.Workspace.init(tmp_path_factory.mktemp("commons") / "commons")
    return hm.admit(given, workspace).release


def loaded(shared_data: Path, name: str) -> hm.Contribution:
    """A known contribution; skipped where its files are not at hand."""
    places = at_hand(shared_data).get(name)
    if places is None:
        pytest.skip(f"the files of {name} are not at hand")
    return hm.Contribution.load(*places)


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_blocks_and_everything_comes_back(shared_data: Path, name: str) -> None:
    """The check is sound, every cell has an account, and OMOP gives every fact back.

    Every ``*_source_value`` is blanked before the facts are read.
    """
    contribution = loaded(shared_data, name)
    known_disease = disease(contribution.disease)
    report = check(contribution, known_disease.catalogue)
    assert report.sound, report.summary()

    harmonised = to_omop(protected(report), known_disease, 1)
    back = read(known_disease.catalogue.values(), blanked(harmonised.tables))

    written = harmonised.facts.select(READ.names()).sort(READ.names(), nulls_last=True)
    assert written.height
    assert written.equals(back.select(READ.names()).sort(READ.names(), nulls_last=True))
    for row in harmonised.account.iter_rows(named=True):
        assert row["cells"] == row["missing"] + row["kept"] + row["set_aside"], row


@pytest.mark.parametrize("name", KNOWN)
def test_every_row_is_accounted_for(shared_data: Path, name: str) -> None:
    """As many rows are read as the file has records; each is a patient's, or kept aside."""
    contribution = loaded(shared_data, name)
    halves = protected(check(contribution, disease(contribution.disease).catalogue))

    for table, (path, _) in contribution.tables.items():
        rows = contribution.read(table).frame.height
        used = halves.tables[table].frame.height
        stray = halves.set_aside.filter(
            (pl.col("file") == path.name)
            & (pl.col("element") == "")
            & (pl.col("stage") == "protect")
        )
        assert halves.rows_in[path.name] == rows
        assert rows == used + stray.height, (table, rows, used, stray.height)


@pytest.mark.parametrize("name", KNOWN)
def test_every_line_of_a_dictionary_says_what_it_is(name: str) -> None:
    """A column names the patient, feeds an element, or has a reason why it does not."""
    folder = known(name)
    assert folder is not None
    for entry in hm.Contribution.load(folder, folder).dictionary:
        assert entry.element or entry.role.value == "patient identifier" or entry.note, entry


def test_every_folder_is_a_contribution(shared_data: Path) -> None:
    """No source lies there unused; only the census records are no patients."""
    described = [
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / "src" / "haemony" / "intake" / "known").glob("*/contribution.yaml")
    ]
    found_in = {str(one.get("found_in", one["id"])) for one in described}

    folders = {path.name for path in shared_data.iterdir() if path.is_dir()}

    assert folders - found_in == NOT_PATIENTS


def test_everybody_is_in_one_release(commons: hm.Release, shared_data: Path) -> None:
    """All contributions, a diagnosis for each person, and no person twice."""
    members = {member.id: member for member in commons.manifest.members}

    table = commons.features(["diagnosis", "os_days", "os_event"])

    assert set(members) == set(at_hand(shared_data))
    assert table.height == sum(member.patients for member in members.values())
    assert table["person_id"].n_unique() == table.height
    assert not table["diagnosis"].null_count()
    assert table["diagnosis"].n_unique() > 20


def test_three_valued_findings_keep_their_denominators(
    commons: hm.Release, shared_data: Path
) -> None:
    """Gene frequencies of the release are those of the source, tested patients as denominator.

    TP53 in myelodysplastic syndromes from the calls, NPM1 in the AMLSG trials from the column.
    """
    table = commons.features(["TP53", "NPM1"]).join(commons.owners(), on="person_id")
    calls = pl.read_csv(
        shared_data / "mds_tp53_iwg" / "maf_TP53.tsv", separator="\t", infer_schema=False
    )
    patients = pl.read_csv(
        shared_data / "mds_tp53_iwg" / "dd_clinical_cyto_chr17.tsv",
        separator="\t",
        infer_schema=False,
    )
    sample = next(name for name in calls.columns if calls[name].is_in(patients["LEUKID"]).any())
    clinical = pl.read_csv(shared_data / "amlsg" / "clinical.csv", infer_schema=False)
    npm1 = clinical["NPM1"]

    mds = table.filter(pl.col("owner") == "mds_tp53_iwg")["TP53"].cast(pl.String)
    amlsg = table.filter(pl.col("owner") == "amlsg")["NPM1"].cast(pl.String)

    assert (mds == "positive").sum() == calls[sample].n_unique()
    assert (mds == "positive").sum() + (mds == "negative").sum() == patients.height
    assert (amlsg == "positive").sum() == (npm1 == "1").sum()
    assert (amlsg == "negative").sum() == (npm1 == "0").sum()
