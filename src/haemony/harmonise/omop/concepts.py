"""The OMOP concepts that the way of writing needs, beyond those of the catalogue.

Ids from 2,000,000,000 on are ours, as OMOP's convention for local concepts has it. Labels are our
own words throughout, so that no vocabulary's terms are shipped that its licence keeps.
"""

from __future__ import annotations

from haemony.intake.contribution import Origin, SourceKind
from haemony.model.element import Finding

NO_CONCEPT = 0

FINDING = {Finding.POSITIVE.value: 9191, Finding.NEGATIVE.value: 9189}

MEASUREMENT_ID = 1147138
CONDITION_ID = 1147127
PROCEDURE_ID = 1147082
DRUG_ID = 1147094

EPISODE_TYPE = 32809
LINE_OF_TREATMENT = 32531
INFERRED = 32882
DERIVED_PERIOD = 2_000_000_041
STATUS_UNKNOWN = 2_000_000_042

TIME_ORIGIN = 2_000_000_001
ORIGINS = {
    Origin.DIAGNOSIS: 2_000_000_011,
    Origin.SAMPLING: 2_000_000_012,
    Origin.RANDOMISATION: 2_000_000_013,
    Origin.TRANSPLANT: 2_000_000_014,
    Origin.OBSERVATION: 2_000_000_015,
}

ASSAYS = {
    "sequencing": 2_000_000_021,
    "pcr": 2_000_000_022,
    "karyotype": 3025939,
    "fish": 2_000_000_024,
    "copy number": 2_000_000_025,
    "flow cytometry": 2_000_000_026,
    "expression": 2_000_000_027,
    "immunohistochemistry": 2_000_000_028,
}
"""The methods by which a finding is tested; an element without one has no assay row."""

VARIANT = 2_000_000_031
ALLELE_FRACTION = 2_000_000_032
DEPTH = 2_000_000_033
PERCENT = 8554

TYPES = {
    SourceKind.TRIAL: 32809,
    SourceKind.COHORT: 32809,
    SourceKind.REGISTRY: 32879,
    SourceKind.HOSPITAL: 32817,
    SourceKind.OMOP: 32843,
}

LABELS = {
    NO_CONCEPT: "no matching concept",
    9444: "billion per litre",
    8713: "gram per decilitre",
    8645: "unit per litre",
    8512: "day",
    9448: "year",
    9191: "positive",
    9189: "negative",
    8554: "percent",
    32809: "case report form",
    32817: "electronic health record",
    32843: "another CDM instance",
    32879: "registry",
    DERIVED_PERIOD: "observed until the last dated event (derived)",
    STATUS_UNKNOWN: "observed until last contact, vital status not known",
    TIME_ORIGIN: "time origin (day 0) of the source",
    2_000_000_011: "time origin: diagnosis",
    2_000_000_012: "time origin: sampling",
    2_000_000_013: "time origin: randomisation",
    2_000_000_014: "time origin: transplant",
    2_000_000_015: "time origin: start of observation",
    2_000_000_021: "gene sequencing panel",
    2_000_000_022: "fragment analysis or PCR of single genes",
    3025939: "karyotype",
    2_000_000_024: "fluorescence in situ hybridisation",
    2_000_000_025: "copy-number profile by array or sequencing",
    2_000_000_026: "flow cytometry",
    2_000_000_027: "gene expression",
    2_000_000_028: "immunohistochemistry",
    VARIANT: "detected somatic variant",
    ALLELE_FRACTION: "variant allele fraction",
    DEPTH: "sequencing depth at the variant",
    MEASUREMENT_ID: "measurement.measurement_id",
    CONDITION_ID: "condition_occurrence.condition_occurrence_id",
    PROCEDURE_ID: "procedure_occurrence.procedure_occurrence_id",
}
"""Labels of the concepts above; those of elements and values come from the catalogue."""
