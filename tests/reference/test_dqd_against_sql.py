"""The checks count what SQL counts: on published synthetic patients, and on a damaged copy of them.

The R package runs one query per check on a database. Its queries, written anew from their
documentation (``dqd.sql``), run here on DuckDB; every count of every check must be the same. The
damage is done by the row's number, so that every check type has rows that break it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from haemony.harmonise.omop.cdm import tables as declared
from haemony.quality import dqd
from haemony.quality.dqd.definitions import NO_UNIT, Check, checks, types

TODAY = date(2026, 1, 15)
SEX = {"male": "8507", "female": "8532"}
NOT_SQL = {"cdmTable", "cdmField"}

Tables = Mapping[str, pl.DataFrame]


def synthea(shared_data: Path) -> dict[str, pl.DataFrame]:
    """The 28 synthetic patients of OHDSI's Eunomia sets; skips where they are absent."""
    folder = shared_data / "omop_synthea27nj"
    if not folder.is_dir():
        pytest.skip(f"the synthetic OMOP set is absent ({folder})")
    found = {}
    for file in sorted(folder.glob("*.csv")):
        name = file.stem.lower()
        frame = pl.read_csv(file, null_values=[""], infer_schema=False).rename(str.lower)
        typed = [_typed(name, column) for column in frame.columns]
        found[name] = frame.select(typed)
    return found


def _typed(table: str, column: str) -> pl.Expr:
    datatype = next(f.datatype for f in declared()[table].fields if f.name.strip('"') == column)
    text = pl.col(column)
    if datatype == "integer":
        return text.cast(pl.Int64)
    if datatype == "float":
        return text.cast(pl.Float64)
    if datatype in {"date", "datetime"}:
        return text.str.slice(0, 10).str.to_date()
    return text


def damaged(tables: Tables) -> dict[str, pl.DataFrame]:
    """A copy in which cells are emptied, moved in time, mapped to 0 or to another concept."""
    eras = tables["drug_exposure"].select(
        drug_era_id=pl.col("drug_exposure_id"),
        person_id="person_id",
        drug_concept_id="drug_concept_id",
        drug_era_start_date="drug_exposure_start_date",
        drug_era_end_date="drug_exposure_end_date",
        drug_exposure_count=pl.lit(1),
        gap_days=pl.lit(0),
    )
    periods = tables["observation_period"]
    begun = pl.col("observation_period_end_date").dt.offset_by("1d")
    touching = periods.gather_every(4).with_columns(
        observation_period_start_date=begun, observation_period_end_date=begun
    )
    whole = {
        **tables,
        "drug_era": eras,
        "condition_era": tables["condition_era"].filter(pl.col("person_id") > 4),
    }
    broken = {name: _damage(name, frame) for name, frame in whole.items() if name in CLINICAL}
    broken["observation_period"] = pl.concat([broken["observation_period"], touching])
    concept = tables["concept"].with_columns(
        invalid_reason=pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.lit("D"))
    )
    conditions = tables["condition_occurrence"]["condition_concept_id"].unique().sort()
    ancestor = pl.DataFrame(
        {
            "ancestor_concept_id": [(4090861, 4025213, 444094)[i % 3] for i in range(90)],
            "descendant_concept_id": [conditions[i % 40] for i in range(90)],
        }
    ).unique(maintain_order=True)
    return {**whole, **broken, "concept": concept, "concept_ancestor": ancestor}


CLINICAL = {
    "person",
    "observation_period",
    "visit_occurrence",
    "visit_detail",
    "condition_occurrence",
    "condition_era",
    "drug_exposure",
    "drug_era",
    "procedure_occurrence",
    "measurement",
    "observation",
    "death",
    "provider",
}


def _damage(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Persons and visits stay unique: here a row counts once, where a join would repeat it."""
    columns = []
    for place, column in enumerate(frame.columns):
        row = pl.int_range(pl.len()) + 3 * place
        value = pl.col(column)
        if (name, column) == ("visit_occurrence", "visit_occurrence_id"):
            continue
        if column == "person_id":
            if name not in {"person", "death"}:
                value = pl.when(row % 31 == 0).then(999).when(row % 37 == 0).then(None)
                value = value.otherwise(pl.col(column))
            columns.append(value.alias(column))
            continue
        if frame.schema[column] == pl.Date:
            value = pl.when(row % 7 == 0).then(value.dt.offset_by("-130y")).otherwise(value)
            value = pl.when(row % 11 == 0).then(value.dt.offset_by("90y")).otherwise(value)
            value = pl.when(row % 17 == 0).then(value.dt.offset_by("20d")).otherwise(value)
        elif column.endswith("concept_id"):
            value = pl.when(row % 5 == 0).then(0).otherwise(value)
            value = pl.when(row % 8 == 0).then(value.shift(2)).otherwise(value)
            value = pl.when(row % 29 == 0).then(26662).otherwise(value)
            value = pl.when(row % 41 == 0).then(8840).otherwise(value)
        elif column in {"days_supply", "quantity", "year_of_birth", "drug_exposure_count"}:
            value = pl.when(row % 6 == 0).then(-value).otherwise(value)
        elif frame.schema[column] == pl.Int64:
            value = pl.when(row % 9 == 0).then(value.shift(1)).otherwise(value)
        value = pl.when(row % 13 == 0).then(None).otherwise(value)
        columns.append(value.alias(column))
    return frame.with_columns(columns)


def queries() -> dict[str, str]:
    """The queries of ``dqd.sql`` by name."""
    text = (Path(__file__).parent / "dqd.sql").read_text(encoding="utf-8")
    blocks = re.split(r"^-- (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(blocks[::2], blocks[1::2], strict=True))


QUERIES = queries()


def query(check: Check) -> str:
    """The query of a check, with its table, field, concepts and bound."""
    name = check.type.name
    if name.endswith("ConceptRecordCompleteness"):
        name = (
            "optionalConceptRecordCompleteness" if check.argument else "conceptRecordCompleteness"
        )
    if name == "plausibleTemporalAfter" and check.argument.startswith("person."):
        name += "Birth"
    kind, bound = _bound(check)
    target, key = check.reference
    units = ["0", *(unit for unit in check.argument.split() if unit != NO_UNIT)]
    words = {
        "table": check.table,
        "field": check.field,
        "argument": check.argument,
        "concepts": check.concept_text,
        "target": target,
        "key": key,
        "sex": SEX.get(check.argument, ""),
        "units": ", ".join(units),
        "kind": kind,
        "bound": bound,
    }
    text = QUERIES[name]
    for word, meaning in words.items():
        text = text.replace("{" + word + "}", meaning)
    return text


def _bound(check: Check) -> tuple[str, str]:
    if check.argument == "tomorrow":
        return "DATE", "DATE '2026-01-16'"
    if check.argument == "next year":
        return "DOUBLE", "2027"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", check.argument):
        return "DATE", f"DATE '{check.argument}'"
    return "DOUBLE", check.argument


@pytest.fixture
def database(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database; tables go there by way of files."""
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as connection:
        yield connection


def fill(database: duckdb.DuckDBPyConnection, tables: Tables, folder: Path) -> None:
    """Bring the tables into the database."""
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
        database.read_parquet(str(folder / f"{name}.parquet")).create(name)


@pytest.mark.parametrize("state", ["as published", "damaged"])
def test_every_count_is_what_sql_counts(
    state: str, shared_data: Path, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Broken and judged rows agree for every check that is judged, of whatever type."""
    tables = synthea(shared_data)
    if state == "damaged":
        tables = damaged(tables)
    fill(database, tables, tmp_path)

    results = dqd.run(tables, today=TODAY)

    different = []
    for result in results:
        if result.outcome.tally is None or result.check.type.name in NOT_SQL:
            continue
        counted = database.execute(query(result.check)).fetchone()
        if counted != (result.tally.broken, result.tally.rows):
            different.append((result.check.id, counted, result.tally))
    assert different == []
    assert not results.of(dqd.Status.ERROR)
    if state == "damaged":
        broken = {r.check.type.name for r in results if r.outcome.tally and r.tally.broken}
        assert broken == types().keys() - {"cdmTable", "cdmField", "cdmDatatype"}


def test_published_patients_fail_where_their_vocabulary_is_cut_short(shared_data: Path) -> None:
    """What is wrong with the set is mostly its CONCEPT table: 35 references lead nowhere."""
    results = dqd.run(synthea(shared_data), today=TODAY)

    kinds = [result.check.type.name for result in results.failures]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "isForeignKey": 35,
        "standardConceptRecordCompleteness": 7,
        "measurePersonCompleteness": 1,
        "plausibleValueLow": 2,
        "plausibleValueHigh": 1,
    }
    assert results["field_plausiblevaluelow_drug_exposure_quantity"].percent == 100


def test_checks_and_thresholds_are_those_of_the_r_package(shared_data: Path) -> None:
    """Every check that the R package expands by default is here under its id, and none beside."""
    folder = shared_data.parent / "omop" / "dqd"
    if not folder.is_dir():
        pytest.skip(f"the R package's own tables are absent ({folder})")

    theirs = dict(_expanded(folder))

    assert {check.id: check.threshold for check in checks()} == theirs
    assert len(theirs) == 2374


def _expanded(folder: Path) -> Iterator[tuple[str, float | None]]:
    """Apply the R package's filters to its tables, as it does before it runs."""
    skipped = {"CONCEPT", "VOCABULARY", "CONCEPT_ANCESTOR", "CONCEPT_RELATIONSHIP"}
    skipped |= {"CONCEPT_CLASS", "CONCEPT_SYNONYM", "RELATIONSHIP", "DOMAIN"}
    for kind in _rows(folder, "Check_Descriptions"):
        name, level = kind["checkName"], kind["checkLevel"]
        for row in _rows(folder, f"{level.title()}_Level"):
            if row["cdmTableName"] in skipped or row.get("cdmFieldName") == "offset":
                continue
            if all(_holds(part, row) for part in kind["evaluationFilter"].split("&")):
                parts = [level, name, row["cdmTableName"]]
                parts += [row.get(key, "") for key in ("cdmFieldName", "conceptId")]
                most = row.get(f"{name}Threshold")
                identifier = "_".join(part.replace(" ", "").lower() for part in parts if part)
                yield identifier, float(most) if most else None


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"DQD_CDMv5.4_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _holds(part: str, row: Mapping[str, str]) -> bool:
    column, operator, value = re.split(r"\s*(==|!=)\s*", part.strip())
    return (row[column] == value.strip("'")) == (operator == "==")
