"""The law of the lake: whatever a dictionary maps comes back from OMOP unchanged.

Dictionaries and values are generated: any elements, any codes, units, missing codes and decimal
marks. What a partner meant is computed here from the generated cells alone, and must be what the
catalogue reads back, with every source value blanked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import haemony as hm
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.read import read
from haemony.intake import check
from haemony.intake.dictionary import ColumnType, Entry, Role
from haemony.model.element import Element, ValueType
from support.contributions import contribution
from support.protection import person_of, protected
from support.tables import blanked

CATALOGUE = hm.disease("aml").catalogue
FOLLOW_UP = {"last_contact_day", "vital_status", "cause_of_death"}
"""What says something only together: the cause of a death needs the death."""
OWN_DEFAULT = {"centre", "diagnosis"}
"""What the contribution itself says of a patient whose own cell is empty."""
FREE = [
    element.name
    for element in CATALOGUE.values()
    if not element.record and element.name not in FOLLOW_UP | OWN_DEFAULT
]


@dataclass(frozen=True)
class Column:
    """A generated column: its dictionary entry, its cells, and what each cell means."""

    entry: Entry
    cells: tuple[str, ...]
    meanings: tuple[float | str | None, ...]


def numbers(element: Element, unit: str) -> st.SearchStrategy[tuple[str, float]]:
    """Cells of a numeric column within the plausible range, and their value in the kept unit."""
    factor = element.units.get(unit, 1.0)
    low, high = (element.low or 0) / factor, min((element.high or 1e6), 1e6) / factor
    if element.type is ValueType.NUMBER:
        inside = st.floats(low * 1.001 + 1e-6, high * 0.999, allow_subnormal=False)
        return inside.map(lambda x: (repr(x), float(repr(x)) * factor))
    whole = st.integers(max(1, int(low) + 1), max(2, int(high) - 1))
    return whole.map(lambda x: (str(x), float(round(x * factor))))


@st.composite
def columns(draw: st.DrawFn, name: str, rows: int) -> Column:
    """A column that feeds one element."""
    element = CATALOGUE[name]
    missing = draw(st.sampled_from(["", "NA", "-9", "unbekannt"]))
    known = [draw(st.booleans()) for _ in range(rows)]
    if element.codes:
        codes = draw(st.permutations(element.codes))
        keys = [f"k{index}" for index in range(len(codes))]
        meaning = dict(zip(keys, codes, strict=True))
        chosen = [draw(st.sampled_from(keys)) for _ in range(rows)]
        absent = (missing,) if missing else ()
        entry = Entry("clinical", name, type=ColumnType.CATEGORY, values=meaning,
                      missing=absent, element=name, value_map=meaning)  # fmt: skip
        pairs: list[tuple[str, float | str]] = [(key, meaning[key]) for key in chosen]
    elif element.type is ValueType.TEXT:
        words = st.text("abcdefgh ÄÖü,;\"'-", min_size=1, max_size=12).map(lambda t: f"x{t}x")
        pairs = [(word, word) for word in (draw(words) for _ in range(rows))]
        entry = Entry("clinical", name, missing=(missing,) if missing else (), element=name)
    else:
        unit = draw(st.sampled_from(sorted(element.units) or [""]))
        kind = ColumnType.NUMBER if element.type is ValueType.NUMBER else ColumnType.INTEGER
        pairs = list(draw(st.lists(numbers(element, unit), min_size=rows, max_size=rows)))
        code = missing if missing != "-9" or (element.low or 0) >= 0 else "NA"
        entry = Entry("clinical", name, type=kind, unit=unit,
                      missing=(code,) if code else (), element=name)  # fmt: skip
        missing = code
    cells = tuple(pair[0] if here else missing for pair, here in zip(pairs, known, strict=True))
    meanings = tuple(pair[1] if here else None for pair, here in zip(pairs, known, strict=True))
    return Column(entry, cells, meanings)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, list[Column]]:
    """A patient table: follow-up always, any other elements."""
    rows = draw(st.integers(1, 5))
    names = draw(st.lists(st.sampled_from(FREE), min_size=1, max_size=12, unique=True))
    return rows, [draw(columns(name, rows)) for name in names]


def written(rows: int, given_columns: list[Column], decimal: str) -> str:
    """The table as a partner's program writes it."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(["patient", *(column.entry.column for column in given_columns)])
    for row in range(rows):
        cells = [
            column.cells[row].replace(".", decimal)
            if column.entry.type is ColumnType.NUMBER
            else column.cells[row]
            for column in given_columns
        ]
        writer.writerow([f"P{row}", *cells])
    return out.getvalue()


def round_trip(text: str, entries: list[Entry], decimal: str) -> dict[tuple[int, str], object]:
    """Take a table through protection and harmonisation, and read it back from OMOP alone."""
    with TemporaryDirectory() as folder:
        given_ = contribution(Path(folder) / "c", text, entries)
        described = (given_.folder / "contribution.yaml").read_text(encoding="utf-8")
        layout = f'{{file: clinical.csv, layout: {{delimiter: ";", decimal: "{decimal}"}}}}'
        described = described.replace("{file: clinical.csv}", layout)
        (given_.folder / "contribution.yaml").write_text(described, encoding="utf-8")
        checked = check(hm.Contribution.load(given_.folder), CATALOGUE)
        assert checked.sound, checked.summary().to_dicts()
        in_memory = protected(checked)
    harmonised = to_omop(in_memory, hm.disease("aml"), 1)
    wanted = [CATALOGUE[entry.element] for entry in entries if entry.element]
    facts = read(wanted, blanked(harmonised.tables))
    return {
        (person, element): number if number is not None else code
        for person, element, _, number, code in facts.iter_rows()
    }


def meant(rows: int, given_columns: list[Column]) -> Mapping[tuple[int, str], object]:
    """What the cells mean, computed from the generated values alone."""
    persons = [person_of(f"P{row}") for row in range(rows)]
    return {
        (persons[row], column.entry.element): column.meanings[row]
        for column in given_columns
        for row in range(rows)
        if column.meanings[row] is not None
    }


@settings(max_examples=60)
@given(tables(), st.sampled_from([".", ","]))
def test_what_a_dictionary_maps_comes_back(table: tuple[int, list[Column]], decimal: str) -> None:
    """Every mapped value of a generated contribution comes back through its element."""
    rows, given_columns = table
    entries = [Entry("clinical", "patient", role=Role.PATIENT), *(c.entry for c in given_columns)]

    back = round_trip(written(rows, given_columns, decimal), entries, decimal)

    assert back == meant(rows, given_columns)


@pytest.mark.nightly
@settings(max_examples=2_000)
@given(tables(), st.sampled_from([".", ","]))
def test_what_a_dictionary_maps_comes_back_at_length(
    table: tuple[int, list[Column]], decimal: str
) -> None:
    """The same, two thousand times."""
    rows, given_columns = table
    entries = [Entry("clinical", "patient", role=Role.PATIENT), *(c.entry for c in given_columns)]

    assert round_trip(written(rows, given_columns, decimal), entries, decimal) == meant(
        rows, given_columns
    )
