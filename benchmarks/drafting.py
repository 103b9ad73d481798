"""How well a draft does on real files: each contribution left out of the memory, one at a time.

For every mapping that a person has made: is its element suggested first, is it among the first
five? Writes ``docs/reference/drafting.md``; `make tables` runs it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

import haemony as hm
from haemony.intake.contribution import DESCRIPTION, SourceKind
from haemony.intake.dictionary import Role, Status
from haemony.intake.draft import Memory, draft
from haemony.intake.known import dictionaries, known

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "drafting.md"
HEAD = """\
# Drafting, measured

Each contribution was left out of the memory in turn and drafted from its files alone, with the
catalogue of its disease. Counted is every mapping that a person has made: how often its element was
suggested first, and among the first five. A column that feeds several elements counts once for
each. `make tables` makes this page anew.

| contribution | disease | mapped | first | among five |
|---|---|---:|---:|---:|
"""


@dataclass(frozen=True)
class Drafted:
    """What the draft suggested for one contribution.

    Attributes:
        name: The contribution.
        disease: Code of its disease.
        ranks: For every mapping of the real dictionary the rank of its element; 0 for none.
        missed: Column and element of the mappings that are not suggested first.
    """

    name: str
    disease: str
    ranks: tuple[int, ...]
    missed: tuple[tuple[str, str, tuple[str, ...]], ...]

    def within(self, places: int) -> int:
        """Mappings whose element is among the first suggestions."""
        return sum(1 <= rank <= places for rank in self.ranks)


def left_out(shared: Path, *, remembering: bool = True) -> Iterator[Drafted]:
    """Draft every known contribution whose data are at hand, without its own dictionary."""
    learned = dictionaries()
    for name in sorted(learned):
        folder = known(name) or ROOT
        described = yaml.safe_load((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if described["source"] == SourceKind.OMOP:
            continue
        data = shared / described["found_in"]
        if data.is_dir():
            others = {other: lines for other, lines in learned.items() if other != name}
            memory = Memory.of(others if remembering else {})
            yield drafted(hm.Contribution.load(folder, data), memory)


def drafted(contribution: hm.Contribution, memory: Memory) -> Drafted:
    """Draft one contribution from its files."""
    catalogue = hm.disease(contribution.disease).catalogue
    raw = [contribution.read(name) for name in contribution.tables]
    made = draft(raw, catalogue, memory)
    suggested = {
        (name, line.entry.column): tuple(found.element for found in line.suggestions)
        for name, table in zip(contribution.tables, made.tables, strict=True)
        for line in table.columns
    }
    ranks, missed = [], []
    for entry in contribution.dictionary:
        if entry.element and entry.status is Status.CONFIRMED and entry.role is not Role.PATIENT:
            found = suggested.get((entry.table, entry.column), ())
            rank = found.index(entry.element) + 1 if entry.element in found else 0
            ranks.append(rank)
            if rank != 1:
                missed.append((entry.column, entry.element, found))
    return Drafted(contribution.id, contribution.disease, tuple(ranks), tuple(missed))


def table(found: list[Drafted]) -> str:
    """The page, with a line for each contribution and one for all."""
    rows = [(f"`{one.name}`", one.disease, one) for one in found]
    ranks = tuple(rank for one in found for rank in one.ranks)
    rows.append(("**all**", "", Drafted("all", "", ranks, ())))
    lines = []
    for name, disease, one in rows:
        n = len(one.ranks)
        first, five = one.within(1), one.within(5)
        lines.append(
            f"| {name} | {disease} | {n} | {first} ({first / n:.0%}) | {five} ({five / n:.0%}) |"
        )
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, write the page, and on request list what was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--missed", action="store_true", help="list what was not suggested first")
    parser.add_argument("--forgetful", action="store_true", help="draft without any memory")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    shared = Path(os.environ.get("HAEMONY_SHARED_DATA", ROOT.parent / "shared" / "data"))
    found = list(left_out(shared, remembering=not given.forgetful))
    print(table(found))
    for one in found if given.missed else ():
        for column, element, suggested in one.missed:
            print(
                f"{one.name}: {column} is {element}, suggested {', '.join(suggested) or 'nothing'}"
            )
    if given.write:
        PAGE.write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
