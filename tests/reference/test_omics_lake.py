"""Real matrices and segments in the lake: every value that of its file, and quickly read."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl
import pytest

import haemony as hm
from haemony.intake.known import known
from haemony.intake.readers import read
from haemony.privacy.pseudonyms import person_id

SOURCES = ("all_chiaretti_affy", "dlbcl_rosenwald_expr", "mcl_rosenwald_expr", "tcga_laml")


@pytest.fixture(scope="module")
def workspace_of_all(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[hm.Workspace, hm.Release]:
    """One release that holds the contributions with omics files."""
    workspace = hm.Workspace.init(tmp_path_factory.mktemp("omics") / "commons")
    given = []
    for name in SOURCES:
        folder = known(name)
        assert folder is not None
        given.append(hm.Contribution.load(folder, shared_data / name))
    return workspace, hm.admit(given, workspace).release


@pytest.fixture
def release(workspace_of_all: tuple[hm.Workspace, hm.Release]) -> hm.Release:
    """The release of that workspace."""
    return workspace_of_all[1]


def persons(workspace: hm.Workspace, partner: str, patients: list[str]) -> list[int]:
    """The persons that a partner's patients have become; the keys of this workspace tell."""
    side = workspace.partner(partner)
    keys = [workspace.trustee.key_of(side.name, side.site.pseudonym(p)) for p in patients]
    return [person_id(key) for key in keys if key is not None]


def meant(texts: pl.DataFrame) -> np.ndarray:
    """The 32-bit numbers that a file's texts say."""
    return np.column_stack([column.cast(pl.Float32).to_numpy() for column in texts.get_columns()])


def test_the_affymetrix_matrix_is_that_of_the_file(
    shared_data: Path, workspace_of_all: tuple[hm.Workspace, hm.Release]
) -> None:
    """12,625 probe sets of 128 patients: each of the 1,616,000 values equals the file's."""
    workspace, release = workspace_of_all
    source = read(shared_data / "all_chiaretti_affy" / "expression_rma_log2.csv.gz").frame
    patients = source.columns[1:]

    got = release.probes(contribution="all_chiaretti_affy")
    order = pl.DataFrame({"person_id": persons(workspace, "GIMEMA", patients)})
    values = order.join(got, on="person_id", how="left", maintain_order="left")

    assert got.shape == (128, 12626)
    assert values.columns[1:] == source["probeset"].to_list()
    assert np.array_equal(values.drop("person_id").to_numpy(), meant(source.drop("probeset")).T)


@pytest.mark.parametrize(
    ("name", "file", "prefix", "shape"),
    [
        ("dlbcl_rosenwald_expr", "dlbcl.csv.gz", "num_gene_", (240, 7399)),
        ("mcl_rosenwald_expr", "mcl.csv", "num_X", (92, 574)),
    ],
)
def test_patients_in_rows_are_that_of_the_file(
    shared_data: Path,
    workspace_of_all: tuple[hm.Workspace, hm.Release],
    name: str,
    file: str,
    prefix: str,
    shape: tuple[int, int],
) -> None:
    """Where patients are rows among clinical columns, just the declared columns are the matrix."""
    workspace, release = workspace_of_all
    source = read(shared_data / name / file).frame
    probes = [column for column in source.columns if column.startswith(prefix)]

    got = release.probes(contribution=name)
    order = pl.DataFrame({"person_id": persons(workspace, "LLMPP", source["pid"].to_list())})
    values = order.join(got, on="person_id", how="left", maintain_order="left")

    assert values.columns[1:] == probes
    assert values.drop("person_id").shape == shape
    assert np.array_equal(values.drop("person_id").to_numpy(), meant(source.select(probes)))


def test_the_segments_of_tcga_are_those_of_the_file(
    shared_data: Path, workspace_of_all: tuple[hm.Workspace, hm.Release]
) -> None:
    """6,470 segments of 191 patients, all kept; 9 of the 200 patients have no profile."""
    workspace, release = workspace_of_all
    source = read(shared_data / "tcga_laml" / "LAML_CBS_segments.tsv").frame
    whose = source["Sample"].unique(maintain_order=True).to_list()
    names = dict(zip(whose, persons(workspace, "TCGA", whose), strict=True))

    got = release.segments().select(
        "person_id", "chromosome", "start_position", "end_position", "probes", "value"
    )
    stated = source.select(
        pl.col("Sample").replace_strict(names, return_dtype=pl.Int64),
        "Chromosome",
        pl.col("Start.bp").cast(pl.Int64),
        pl.col("End.bp").cast(pl.Int64),
        pl.col("Num.Markers").cast(pl.Int64),
        pl.col("Seg.CN").cast(pl.Float64),
    )

    assert got.shape[0] == 6470
    assert len(names) == 191
    assert sorted(got.rows()) == sorted(stated.rows())
    assert release.arms().height == 191 * 44


def test_every_sample_has_one_assay_and_an_account(release: hm.Release) -> None:
    """128 + 240 + 92 expression assays, 191 of copy number; kept is what was read."""
    assays = release.table("measurement").group_by("measurement_concept_id").len()
    counted = dict(assays.rows())
    members = {member.id: member.grade["account"] for member in release.manifest.members}
    kept = {
        name: (row["cells"], row["kept"], row["set_aside"])
        for name, rows in members.items()
        for row in rows
        if row["element"] in {"expression", "segments"}
    }

    assert (counted[2_000_000_027], counted[2_000_000_025]) == (460, 191)
    assert kept == {
        "all_chiaretti_affy": (128, 128, 0),
        "dlbcl_rosenwald_expr": (240, 240, 0),
        "mcl_rosenwald_expr": (92, 92, 0),
        "tcga_laml": (6470, 6470, 0),
    }


def test_a_whole_matrix_is_read_in_two_seconds(release: hm.Release) -> None:
    """All 12,625 probe sets as columns, the best of three tries; one probe set takes less."""
    taken = []
    for _ in range(3):
        begun = perf_counter()
        frame = release.probes(contribution="all_chiaretti_affy")
        taken.append(perf_counter() - begun)

    assert frame.width == 12626
    assert min(taken) < 2.0


def test_a_matrix_is_small_on_disk(release: hm.Release) -> None:
    """A value takes less than its four bytes: RMA's numbers cannot be squeezed much further."""
    sizes = {part.contribution: part.bytes for part in release.manifest.of("expression")}

    assert sizes["all_chiaretti_affy"] < 12_625 * 128 * 4
