"""Write a draft as the folder of a contribution that a steward then completes."""

from __future__ import annotations

import csv
import filecmp
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from haemony.intake.contribution import DESCRIPTION, Origin, SourceKind
from haemony.intake.dictionary import write_dictionary
from haemony.intake.draft.drafting import Draft, DraftedTable
from haemony.intake.readers import tables as tables_of
from haemony.model.errors import UsageError

SUGGESTIONS = "suggestions.csv"
DICTIONARY = "dictionary.csv"
FILL_IN = "fill in"


class DraftExists(UsageError):
    """The folder holds a contribution already; a draft never writes over a person's work."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder, self.file = folder, file
        super().__init__(
            f"{folder.name} holds {file} already; give another folder with -o, or move it away"
        )


class NamesCollide(UsageError):
    """Two different data files would lie under one name."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(
            f"two different files are called {file}; rename one of them, then draft again"
        )


_YAML = """\
# Drafted by haemony. Complete every field that says "{fill}", confirm the lines of {dictionary}
# (set `status` to confirmed, or to unmapped with a reason), then run
#   haemony contribution check {folder}
id: {id}                # lower-case letters, digits, - _ . ; stays the same for later versions
title: {fill}           # what it is, in one line; simulated data say so: (in silico)
partner: {fill}         # who brings it
contact: {fill}         # whom to ask
disease: {disease}
source: {fill}          # one of: {sources}
data_cut_off: not stated   # date the data were frozen, YYYY-MM-DD
conditions_of_use: []      # GA4GH Data Use Ontology codes, such as ["DUO:0000042"]
in_silico: false           # true for simulated patients
timeline:
  origin: {fill}        # what day 0 stands for, one of: {origins}
  # column: ...            # where the files give dates: the column of the patient table with day 0
patients: {patients}    # the table with one row per patient
tables:
{tables}"""

_ASSAYS = """\
# Which genes were tested in whom? Without this, a gene without a call is not tested, not negative.
# assays:
#   - name: targeted sequencing
#     method: sequencing
#     calls: {calls}         # the table with one row per detected variant
#     tested: {patients}     # the table whose patients were all tested
#     genes: [NPM1, FLT3]    # every gene that was tested
"""


def write_draft(draft: Draft, folder: Path, disease: str) -> tuple[Path, ...]:
    """Write ``contribution.yaml``, ``dictionary.csv`` and ``suggestions.csv``.

    Data files inside the folder are referred to where they lie; others are copied into it.

    Args:
        draft: What to write.
        folder: Where; made if it does not exist.
        disease: Code of the disease.

    Returns:
        The files written, data files that were copied included.

    Raises:
        DraftExists: When the folder holds a contribution already.
        NamesCollide: When two different data files have one name.
    """
    for name in (DESCRIPTION, DICTIONARY, SUGGESTIONS):
        if (folder / name).exists():
            raise DraftExists(folder, name)
    places = {table.raw.path: _place(table.raw.path, folder) for table in draft.tables}
    _refuse_collisions(places, folder)
    folder.mkdir(parents=True, exist_ok=True)
    copied = [_copy(source, folder / place) for source, place in places.items()]
    described = _description(draft, folder, disease, places)
    (folder / DESCRIPTION).write_text(described, encoding="utf-8")
    write_dictionary([column.entry for column in draft.columns], folder / DICTIONARY)
    _write_suggestions(draft, folder / SUGGESTIONS)
    written = (folder / name for name in (DESCRIPTION, DICTIONARY, SUGGESTIONS))
    return (*written, *(path for path in copied if path))


def _place(source: Path, folder: Path) -> Path:
    """Where a data file lies, seen from the folder."""
    whole, root = source.resolve(), folder.resolve()
    return whole.relative_to(root) if whole.is_relative_to(root) else Path(source.name)


def _refuse_collisions(places: Mapping[Path, Path], folder: Path) -> None:
    """Refuse two different files under one name, before anything is written."""
    taken: dict[Path, Path] = {}
    for source, place in places.items():
        target = folder / place
        for other in filter(Path.exists, (taken.setdefault(target, source), target)):
            if not (other.samefile(source) or filecmp.cmp(source, other, shallow=False)):
                raise NamesCollide(source.name)


def _copy(source: Path, target: Path) -> Path | None:
    if target.exists():
        return None
    shutil.copyfile(source, target)
    return target


def _description(draft: Draft, folder: Path, disease: str, places: dict[Path, Path]) -> str:
    name = re.sub(r"[^a-z0-9_.-]+", "-", folder.resolve().name.lower()).strip("-_.") or "draft"
    calls = [table.name for table in draft.tables if _has_calls(table)]
    patients = draft.patients or FILL_IN
    described = _YAML.format(
        fill=FILL_IN,
        dictionary=DICTIONARY,
        folder=folder.name,
        id=name[:63],
        disease=disease,
        sources=", ".join(SourceKind),
        origins=", ".join(Origin),
        patients=patients,
        tables="".join(_listed(table, places[table.raw.path]) for table in draft.tables),
    )
    return described + (_ASSAYS.format(calls=calls[0], patients=patients) if calls else "")


def _has_calls(table: DraftedTable) -> bool:
    return any(column.entry.element == "variant_gene" for column in table.columns)


def _listed(table: DraftedTable, place: Path) -> str:
    """One table in YAML: its file, its sheet if the file has several, and how it was read."""
    spec: dict[str, object] = {"file": place.as_posix()}
    if len(tables_of(table.raw.path)) > 1:
        spec["layout"] = {"table": table.raw.layout.table or table.raw.name}
    flow = yaml.safe_dump(spec, default_flow_style=True, width=10_000, allow_unicode=True).strip()
    layout = table.raw.layout
    facts = [("encoding", layout.encoding), ("delimiter", layout.delimiter),
             ("decimal mark", layout.decimal)]  # fmt: skip
    read = ", ".join(f"{what} {mark!r}" for what, mark in facts if mark)
    return f"  {table.name}: {flow}\n" + (f"    # read with {read}\n" if read else "")


def _write_suggestions(draft: Draft, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("table", "column", "rank", "element", "score", "unit", "evidence"))
        for column in draft.columns:
            for rank, found in enumerate(column.suggestions, 1):
                writer.writerow(
                    (
                        column.entry.table,
                        column.entry.column,
                        rank,
                        found.element,
                        f"{found.score:.2f}",
                        found.unit,
                        "; ".join(found.evidence),
                    )
                )
