"""Small contributions that a clinician can read, written to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import haemony as hm
from haemony.intake.dictionary import ColumnType, Entry, Role, write_dictionary

DESCRIPTION = """\
id: {id}
title: Small contribution for a test (in silico)
partner: {partner}
contact: nobody
disease: aml
source: {source}
conditions_of_use: ["DUO:0000042"]
in_silico: true
timeline: {{origin: diagnosis}}
patients: clinical
tables:
  clinical: {{file: clinical.csv}}
"""

SMALL = """\
patient,age,sex,wbc,os,dead,cr,relapse,npm1,karyotype
A,61,f,12.5,850,1,40,300,1,"46,XX[20]"
B,34,m,88.0,1200,0,35,,0,"46,XY,t(8;21)(q22;q22)[18]/46,XY[2]"
C,47,f,,20,1,,,,no metaphases
"""

FLAG = {"0": "negative", "1": "positive"}
ENTRIES = (
    Entry("clinical", "patient", role=Role.PATIENT),
    Entry("clinical", "age", type=ColumnType.INTEGER, unit="a", element="age_at_diagnosis"),
    Entry("clinical", "sex", type=ColumnType.CATEGORY, values={"f": "female", "m": "male"},
          element="sex", value_map={"f": "female", "m": "male"}),
    Entry("clinical", "wbc", type=ColumnType.NUMBER, unit="10*9/L", element="wbc"),
    Entry("clinical", "os", type=ColumnType.INTEGER, unit="d", element="last_contact_day"),
    Entry("clinical", "dead", type=ColumnType.CATEGORY, values={"0": "no", "1": "yes"},
          element="vital_status", value_map={"0": "alive", "1": "dead"}),
    Entry("clinical", "cr", type=ColumnType.INTEGER, unit="d", element="complete_remission_day"),
    Entry("clinical", "relapse", type=ColumnType.INTEGER, unit="d", element="relapse_day"),
    Entry("clinical", "npm1", type=ColumnType.CATEGORY, values={"0": "no", "1": "yes"},
          element="NPM1", value_map=FLAG),
    Entry("clinical", "karyotype", element="karyotype_iscn"),
)  # fmt: skip


def contribution(
    folder: Path,
    clinical: str | bytes = SMALL,
    entries: Sequence[Entry] = ENTRIES,
    *,
    id: str = "small",  # noqa: A002 the field is called so
    partner: str = "hospital",
    source: str = "registry",
) -> hm.Contribution:
    """Write a contribution and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    described = DESCRIPTION.format(id=id, partner=partner, source=source)
    (folder / "contribution.yaml").write_text(described, encoding="utf-8")
    content = clinical.encode() if isinstance(clinical, str) else clinical
    (folder / "clinical.csv").write_bytes(content)
    write_dictionary(entries, folder / "dictionary.csv")
    return hm.Contribution.load(folder)
