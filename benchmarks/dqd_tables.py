"""Write the tables of ``haemony.quality.dqd`` from those of the DataQualityDashboard.

Run ``python benchmarks/dqd_tables.py FOLDER`` with the folder that holds the OHDSI package's own
CSV files for CDM 5.4 (``DQD_CDMv5.4_Table_Level.csv`` and so on; Apache-2.0). What the CDM's
declarations say already is left out: which fields there are, which are required, which are keys.
No vocabulary's terms are taken over, only concept ids.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from haemony.harmonise.omop.cdm import tables

SHIPPED = Path(__file__).parent.parent / "src" / "haemony" / "quality" / "dqd"

NOT_RUN = {
    "CONCEPT",
    "VOCABULARY",
    "CONCEPT_ANCESTOR",
    "CONCEPT_RELATIONSHIP",
    "CONCEPT_CLASS",
    "CONCEPT_SYNONYM",
    "RELATIONSHIP",
    "DOMAIN",
}
"""Tables that the package leaves out unless told otherwise."""

ARGUMENTS = {
    "fkDomain": "fkDomain",
    "fkClass": "fkClass",
    "isStandardValidConcept": "",
    "standardConceptRecordCompleteness": "",
    "sourceConceptRecordCompleteness": "",
    "sourceValueCompleteness": "standardConceptFieldName",
    "plausibleValueLow": "plausibleValueLow",
    "plausibleValueHigh": "plausibleValueHigh",
    "plausibleTemporalAfter": "plausibleTemporalAfterFieldName",
    "plausibleDuringLife": "",
    "withinVisitDates": "",
    "plausibleAfterBirth": "",
    "plausibleBeforeDeath": "",
    "plausibleStartBeforeEnd": "plausibleStartBeforeEndFieldName",
}
"""Checks of fields that the CDM's declarations do not imply, and where their argument stands."""

MOMENTS = {"DATEADD(dd,1,GETDATE())": "tomorrow", "YEAR(GETDATE())+1": "next year"}

Row = dict[str, str]


def read(folder: Path, level: str) -> list[Row]:
    """The rows of one level whose tables are checked by default."""
    path = folder / f"DQD_CDMv5.4_{level}_Level.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["cdmTableName"] not in NOT_RUN]


def applies(check: str, row: Row) -> bool:
    """Whether the package runs a check for a row: it says Yes, or gives an argument."""
    return row[check] not in {"", "No"}


def argument(check: str, row: Row) -> str:
    """What the check needs to know beyond table and field."""
    table, field = row["cdmTableName"].lower(), row["cdmFieldName"].lower()
    if check.endswith("ConceptRecordCompleteness"):
        stem = field.removesuffix("_concept_id").removesuffix("_source")
        source = f"{stem}_source_value"
        optional = row["isRequired"] != "Yes"
        return source if optional and source in tables()[table].schema else ""
    given = row[ARGUMENTS[check]] if ARGUMENTS[check] else ""
    if check == "plausibleTemporalAfter" and row[f"{check}TableName"] == "PERSON":
        return f"person.{given.lower()}"
    if check in {"fkDomain", "fkClass"}:
        return given
    return value(given)


def value(given: str) -> str:
    """A bound as we write it: a date as ISO 8601, a moment by name."""
    bare = given.strip("'")
    if given.startswith("'") and len(bare) == 8:
        return f"{bare[:4]}-{bare[4:6]}-{bare[6:]}"
    return MOMENTS.get(given, bare.lower())


def of_tables(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Checks of whole tables."""
    for check in (
        "measurePersonCompleteness",
        "measureConditionEraCompleteness",
        "measureObservationPeriodOverlap",
    ):
        for row in rows:
            if applies(check, row):
                yield check, row["cdmTableName"].lower(), "", "", row[f"{check}Threshold"]


def of_fields(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Checks of fields, and where the package and the CDM's declarations differ."""
    for check in ARGUMENTS:
        for row in rows:
            if applies(check, row):
                table, field = row["cdmTableName"].lower(), row["cdmFieldName"].lower()
                yield check, table, field, argument(check, row), row[f"{check}Threshold"]


def differences(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Where the package's own list of fields says something else than the CDM's."""
    for row in rows:
        table, field = row["cdmTableName"].lower(), row["cdmFieldName"].lower()
        known = {f.name: f for f in tables()[table].fields}.get(field)
        if known is None:
            continue
        if known.datatype == "integer" and row["cdmDatatype"] != "integer":
            yield "leave out", "cdmDatatype", table, field, ""
        if row["isForeignKey"] == "Yes" and not known.references:
            target = f"{row['fkTableName']}.{row['fkFieldName']}".lower()
            yield "add", "isForeignKey", table, field, target


def of_concepts(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Checks of concepts: ids alone."""
    for check in ("plausibleGender", "plausibleGenderUseDescendants", "plausibleUnitConceptIds"):
        for row in rows:
            if not row[f"{check}Threshold"]:
                continue
            place = row["cdmTableName"].lower(), row["cdmFieldName"].lower()
            ids = row["conceptId"].replace(" ", "").replace(",", " ")
            given = row[check].replace(",", " ").lower()
            yield check, *place, ids, given, row[f"{check}Threshold"]


def write(name: str, header: str, rows: Iterable[tuple[str, ...]]) -> None:
    """One of our tables."""
    path = SHIPPED / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the package's tables and write ours."""
    folder = Path(sys.argv[1])
    fields = read(folder, "Field")
    rules = [*of_tables(read(folder, "Table")), *of_fields(fields)]
    write("rules.csv", "check,table,field,argument,threshold", rules)
    write("differences.csv", "what,check,table,field,argument", differences(fields))
    header = "check,table,field,concepts,argument,threshold"
    write("concepts.csv", header, of_concepts(read(folder, "Concept")))


if __name__ == "__main__":
    main()
