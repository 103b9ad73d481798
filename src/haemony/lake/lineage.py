"""From any row of a release back to the file, row and column of the contribution it came from."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from haemony.harmonise.omop.cdm import table
from haemony.lake.release import Release
from haemony.model.errors import UsageError


class NoSuchRow(UsageError):
    """A reference names no row of the release."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(
            f"{reference!r} names no row of this release; write TABLE/ID, for example "
            "measurement/4294967297 (death and person take the person_id)"
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one row came from.

    Attributes:
        contribution: Id of the contribution.
        digest: Hash of its files.
        file: The file; empty for rows that follow from the contribution as a whole.
        row: The row a spreadsheet shows (the header is row 1); None where the *absence* of a row
            is the evidence, as for a gene that was tested and had no call, and where a whole column
            is, as for a sample of an expression matrix.
        columns: The column, or the record it was part of.
    """

    contribution: str
    digest: str
    file: str
    row: int | None
    columns: str

    @property
    def where(self) -> str:
        """The row in words."""
        no_row = "no single row: a whole column, or tested and nothing found"
        return f"{self.row:,}" if self.row is not None else no_row


def trace_row(release: Release, reference: str) -> tuple[Trace, ...]:
    """Lead a row back to its source.

    Args:
        release: The release that holds the row.
        reference: ``table/id``.

    Raises:
        NoSuchRow: When the release holds no such row.
    """
    name, _, number = reference.partition("/")
    key = table(name).key or "person_id"
    if not number.lstrip("-").isdigit() or key not in table(name).schema:
        raise NoSuchRow(reference)
    wanted = int(number)
    members = {member.id: member for member in release.manifest.members}
    for part in release.manifest.of(name):
        path = release.store.path(part.sha256)
        mine = pl.scan_parquet(path).filter(pl.col(key) == wanted).select(key).collect()
        if mine.height and part.contribution in members:
            member = members[part.contribution]
            return _traces(release, member.id, member.digest, name, wanted)
    raise NoSuchRow(reference)


def _traces(
    release: Release, contribution: str, digest: str, name: str, wanted: int
) -> tuple[Trace, ...]:
    parts = [p for p in release.manifest.of("lineage") if p.contribution == contribution]
    found = (
        pl.scan_parquet([release.store.path(part.sha256) for part in parts])
        .filter((pl.col("table_name") == name) & (pl.col("row_id") == wanted))
        .collect()
    )
    if not found.height:
        whole = "follows from the contribution as a whole"
        return (Trace(contribution, digest, "contribution.yaml", None, whole),)
    return tuple(
        Trace(contribution, digest, row["file"], row["row"], row["columns"])
        for row in found.iter_rows(named=True)
    )
