"""Small Athena downloads that a reader can follow: real ids, names in our own words."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

HEADERS = {
    "CONCEPT": "concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept "
    "concept_code valid_start_date valid_end_date invalid_reason",
    "CONCEPT_RELATIONSHIP": "concept_id_1 concept_id_2 relationship_id valid_start_date "
    "valid_end_date invalid_reason",
    "CONCEPT_ANCESTOR": "ancestor_concept_id descendant_concept_id min_levels_of_separation "
    "max_levels_of_separation",
    "CONCEPT_SYNONYM": "concept_id concept_synonym_name language_concept_id",
    "VOCABULARY": "vocabulary_id vocabulary_name vocabulary_reference vocabulary_version "
    "vocabulary_concept_id",
    "DOMAIN": "domain_id domain_name domain_concept_id",
}

ROWS = {
    "CONCEPT": """
        3010813 | white cells in blood           | Measurement | LOINC  | Lab Test | S | 6690-2  |
        3000905 | white cells in blood, machine  | Measurement | LOINC  | Lab Test | S | 1       |
        4298431 | white cell count               | Measurement | SNOMED | Procedure |  | 767002  |
        3007461 | platelets "in blood"           | Measurement | LOINC  | Lab Test | S | NA      |
        3009106 | TP53 changes found             | Measurement | LOINC  | Lab Test |  | 2       | U
        140352  | acute myeloid leukaemia        | Condition   | SNOMED | Disorder | S | 91861   |
        4175485 | myeloproliferative neoplasm    | Condition   | SNOMED | Disorder | S | 41      |
        443392  | cancer                         | Condition   | SNOMED | Disorder | S | 36      |
        """,
    "CONCEPT_RELATIONSHIP": """
        4298431 | 3010813  | Maps to             | 20200101 | 20991231 |
        3009106 | 35948926 | Concept replaced by | 20200101 | 20991231 |
        3010813 | 3010813  | Maps to             | 20200101 | 20991231 |
        """,
    "CONCEPT_ANCESTOR": """
        4175485 | 4175485 | 0 | 0
        443392  | 4175485 | 2 | 2
        """,
    "CONCEPT_SYNONYM": """
        3010813 | WBC count | 4180186
        140352  | AML       | 4180186
        """,
    "VOCABULARY": """
        None   | all of it | OMOP | v5.0 for a test | 0
        LOINC  | LOINC     | x    | 2.77            | 0
        """,
    "DOMAIN": """
        Measurement | Measurement | 21
        """,
}


def download(folder: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Write the files of a download; single tables may be given as they are to be written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, header in HEADERS.items():
        lines = [line for line in ROWS[name].splitlines() if line.strip()]
        cells = [[cell.strip() for cell in line.split("|")] for line in lines]
        if name == "CONCEPT":
            cells = [[*row[:-1], "19700101", "20991231", row[-1]] for row in cells]
        rows = ["\t".join(row) for row in cells]
        text = "\n".join(["\t".join(header.split()), *rows]) + "\n"
        (folder / f"{name}.csv").write_text((changed or {}).get(name, text), encoding="utf-8")
    return folder


def zipped(folder: Path, target: Path) -> Path:
    """Pack a download as Athena does."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return target
