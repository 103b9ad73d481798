"""A release: one immutable state of the lake, as tables, as features, as SQL views."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from haemony.harmonise.expression import Summary
from haemony.harmonise.omop import read as omop
from haemony.harmonise.omop.cdm import table as declared
from haemony.harmonise.vocabulary import current
from haemony.lake import omics
from haemony.lake.errors import Damaged, Shredded, UnknownContribution
from haemony.lake.manifest import Manifest
from haemony.lake.store import Store
from haemony.model.disease import Disease, Endpoint, disease, together
from haemony.model.element import Element, UnknownElement
from haemony.quality.differences import Side
from haemony.quality.profile import Guard, Profile, profile
from haemony.quality.wide import wide

if TYPE_CHECKING:
    from collections.abc import Callable


_ONE_ROW = ("procedure_occurrence", "karyotype")
"""Record tables of which a person has at most one row; of variants there are many."""


@dataclass(frozen=True)
class Release:
    """One release of a lake.

    Attributes:
        manifest: What it holds.
        store: Where its files lie.
        is_shredded: Tells of a partition's hash whether a signed tombstone stands for it.
    """

    manifest: Manifest
    store: Store
    is_shredded: Callable[[str], bool]

    @property
    def number(self) -> int:
        """Its number; the first release of a lake is 1."""
        return self.manifest.number

    @property
    def disease(self) -> Disease:
        """The disease of its contributions; of several diseases, all of them together."""
        codes = {str(member.facts["disease"]) for member in self.manifest.members}
        return together(disease(code) for code in codes)

    def files(self, table: str) -> tuple[Path, ...]:
        """The Parquet files of a table.

        Raises:
            Shredded: When data were destroyed on purpose.
            Damaged: When a file is gone without a tombstone.
        """
        declared(table)
        paths = []
        for part in self.manifest.of(table):
            path = self.store.path(part.sha256)
            if not path.is_file():
                if self.is_shredded(part.sha256):
                    raise Shredded(self.number, table)
                raise Damaged(self.number, f"a partition of {table} is gone")
            paths.append(path)
        return tuple(paths)

    def scan(self, table: str) -> pl.LazyFrame:
        """A table of the lake, lazily; empty when no contribution has rows for it."""
        files = self.files(table)
        return pl.scan_parquet(list(files)) if files else declared(table).empty().lazy()

    def persons_of(self, contribution: str) -> set[int]:
        """The persons that came with a contribution."""
        parts = [part for part in self.manifest.of("person") if part.contribution == contribution]
        frames = [pl.read_parquet(self.store.path(p.sha256), columns=["person_id"]) for p in parts]
        return {person for frame in frames for person in frame["person_id"]}

    def holds(self, contribution: str, person: int) -> bool:
        """Whether a person came with a contribution."""
        paths = [
            self.store.path(part.sha256)
            for part in self.manifest.of("person")
            if part.contribution == contribution
        ]
        persons = pl.scan_parquet(paths).filter(pl.col("person_id") == person).collect()
        return persons.height > 0

    def table(self, name: str) -> pl.DataFrame:
        """A whole table of the lake."""
        return self.scan(name).collect()

    def part(self, name: str, contribution: str) -> pl.DataFrame:
        """The rows of a table that came with one contribution."""
        files = dict(zip(self.manifest.of(name), self.files(name), strict=True))
        paths = [path for part, path in files.items() if part.contribution == contribution]
        return pl.read_parquet(paths) if paths else declared(name).empty()

    def features(self, names: Sequence[str]) -> pl.DataFrame:
        """One row per person, one column per element or endpoint column.

        Args:
            names: Elements of the catalogue, or ``<endpoint>_days`` and ``<endpoint>_event``.

        Returns:
            ``person_id`` and the columns asked for, in that order. Findings are *negative* or
            *positive*, null where not tested; times are days from the source's time origin.

        Raises:
            UnknownElement: For a name that neither the catalogue nor the endpoints hold.
        """
        known, catalogue = self.disease, self.disease.catalogue
        endpoints = {n: _endpoint(known, n) for n in names if n not in catalogue}
        text = " ".join(f"{e.days} {e.event}" for e in endpoints.values() if e)
        wanted = [e for name, e in catalogue.items() if name in names or name in text]
        persons = self.scan("person").select("person_id").collect()["person_id"].sort()
        frame = wide(omop.read(wanted, current(self.scan)), wanted, persons)
        columns = [_column(name, endpoints.get(name)) for name in names]
        return frame.select("person_id", *columns)

    def lines_of_treatment(self) -> pl.DataFrame:
        """Lines of treatment as rules inferred them from the drugs that were stated.

        Returns:
            One row per line: ``person_id``, ``line`` (1, 2, …), ``regimen`` (null where no rule
            knows one), ``start`` and ``end`` in days from the source's time origin, ``drugs``.
        """
        return omop.lines(self.disease.catalogue["drug"], current(self.scan))

    def expression(
        self,
        genes: Collection[str] | None = None,
        *,
        summary: Summary = Summary.HIGHEST_MEAN,
        contribution: str | None = None,
    ) -> pl.DataFrame:
        """Expression by gene: one row per person, one column per gene, on the scale of its matrix.

        Args:
            genes: Approved symbols; all that have a probe unless given.
            summary: Which probe stands for a gene that several measure.
            contribution: Whose matrix; needed where several bring one, as these are never mixed.

        Raises:
            NotOneMatrix: When there is none, or several and none is named.
            NotMeasured: When no probe measures a gene.
        """
        return omics.of_genes(omics.matrix(self, contribution), genes, summary)

    def probes(
        self, probes: Collection[str] | None = None, *, contribution: str | None = None
    ) -> pl.DataFrame:
        """Expression by probe: one row per person, one column per probe.

        Args:
            probes: Names of probes; all unless given.
            contribution: As for `expression`.
        """
        return omics.of_probes(omics.matrix(self, contribution), probes)

    def segments(self) -> pl.DataFrame:
        """Copy-number segments: one row per segment, with its copies and mean log2 ratio."""
        return omics.segments(self.table("segment"))

    def arms(self) -> pl.DataFrame:
        """Autosomal arms called from segments: one row per person and arm."""
        return self.table("arm_call").drop("arm_call_id", "measurement_id")

    def owners(self) -> pl.DataFrame:
        """Everybody: ``person_id`` and the contribution they came with, ``owner``."""
        frames = [
            pl.read_parquet(self.store.path(part.sha256), columns=["person_id"]).with_columns(
                pl.lit(part.contribution).alias("owner")
            )
            for part in self.manifest.of("person")
        ]
        schema = pl.Schema({"person_id": pl.Int64, "owner": pl.String})
        return pl.concat([pl.DataFrame(schema=schema), *frames])

    def profiles(self, guard: Guard | None = None) -> tuple[Profile, ...]:
        """What anyone may know of each variable, one profile per element that somebody has.

        Args:
            guard: How exactly counts are told.
        """
        elements = self.variables
        table = self.features([element.name for element in elements])
        owners = table.select("person_id").join(
            self.owners(), on="person_id", how="left", maintain_order="left"
        )
        return profile(table, elements, owners["owner"], guard)

    def side(self, contribution: str, names: Sequence[str], called: str = "") -> Side:
        """One contribution as something to compare with another.

        Args:
            contribution: Its id.
            names: The elements that are compared.
            called: What it is called; its id unless given.
        """
        member = self.manifest.member(contribution)
        if member is None:
            raise UnknownContribution(contribution, (m.id for m in self.manifest.members))
        table = self.features(names)
        mine = table.filter(pl.col("person_id").is_in(list(self.persons_of(contribution))))
        stated = frozenset(str(row["element"]) for row in member.grade["account"])
        origin, in_silico = str(member.facts["origin"]), bool(member.facts["in_silico"])
        return Side(called or contribution, mine, origin, stated, in_silico)

    @property
    def variables(self) -> tuple[Element, ...]:
        """The elements of which a person has one value: the columns of a table of patients."""
        every = self.disease.catalogue.values()
        return tuple(e for e in every if not e.record or e.table in _ONE_ROW)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with one view per table; it can read these files and nothing else."""
        connection = duckdb.connect()
        connection.execute("SET allowed_directories = $1", [[str(self.store.folder)]])
        for name in self.manifest.tables:
            paths = [str(path) for path in self.files(name)]
            connection.read_parquet(paths).create_view(name)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection


def _endpoint(known: Disease, name: str) -> Endpoint:
    prefix, _, suffix = name.rpartition("_")
    if suffix in {"days", "event"} and prefix in known.endpoints:
        return known.endpoints[prefix]
    known.catalogue[name]  # raises with the nearest names
    raise UnknownElement(name, ())


def _column(name: str, endpoint: Endpoint | None) -> pl.Expr:
    if endpoint is None:
        return pl.col(name)
    if name.endswith("_event"):
        return pl.sql_expr(endpoint.event).cast(pl.Boolean).alias(name)
    return pl.sql_expr(endpoint.days).cast(pl.Int64).alias(name)
