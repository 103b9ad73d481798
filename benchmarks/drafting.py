"""How well a draft does on real files: each contribution left out of the memory, one at a time.

For every mapping that a person has made: is its element suggested first, is it among the first
five? Writes ``docs/reference/drafting.md``; `make tables` runs it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import haemony as hm
from haemony.intake.contribution import read_description
from haemony.intake.dictionary import Dictionary, Role, Status
from haemony.intake.draft import Memory, draft
from haemony.intake.known import at_hand, dictionaries, known

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "drafting.md"
HEAD = """\
# Drafting, measured

Each contribution was left out of the memory in turn and drafted from its files alone, with the
catalogue of its disease: headers and cells, no documentation. Counted is every mapping that a
person has made: how often its element was suggested first, and among the first five. A column that
feeds several elements counts once for each, so that at most one of them can be first. `make tables`
makes this page anew.

| contribution | disease | mapped | first | among five |
|---|---|---:|---:|---:|
"""
WRITTEN = """
Only a clear suggestion is written into the dictionary, for a person to confirm. Of {mapped:,}
columns that a person mapped, {written:,} got an element, the right one {right:,} times
({share:.1%}); of {unmapped:,} that were left unmapped, {claimed:,} got one to be taken out.
"""
HARDER = """
The synonyms were written by people who had seen these files; expect somewhat less on new ones. Two
harder measures say how much rests on the memory:

| memory | mapped | first | among five |
|---|---:|---:|---:|
"""
MISSED = """
## Not among five

Headers that say nothing (`z3`), codes that only the source's documentation explains, and second
elements of one column.

| contribution | column | element |
|---|---|---|
"""
SKIPPED = """
## Not measured

| contribution | why |
|---|---|
"""

Others = Callable[[str, str], bool]
"""Whether a contribution may be remembered while another one is drafted."""


@dataclass(frozen=True)
class Drafted:
    """What the draft suggested for one contribution.

    Attributes:
        name: The contribution.
        disease: Code of its disease.
        ranks: For every mapping of the real dictionary the rank of its element; 0 for none.
        missed: Column and element of the mappings that are not suggested first.
        written: For every column the element written into the drafted dictionary (or nothing), and
            those that a person gave it.
    """

    name: str
    disease: str
    ranks: tuple[int, ...]
    missed: tuple[tuple[str, str, tuple[str, ...]], ...]
    written: tuple[tuple[str, frozenset[str]], ...]

    def within(self, places: int) -> int:
        """Mappings whose element is among the first suggestions."""
        return sum(1 <= rank <= places for rank in self.ranks)


@dataclass(frozen=True)
class Files:
    """The known contributions whose files are at hand, and why the others are not measured."""

    contributions: Mapping[str, hm.Contribution]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def under(cls, shared: Path) -> Files:
        """Find them under a folder with one folder per source."""
        found, skipped = {}, {}
        here = at_hand(shared)
        for name in sorted(dictionaries()):
            if name not in here:
                skipped[name] = "in OMOP already" if _is_omop(name) else "files not at hand"
                continue
            try:
                found[name] = hm.Contribution.load(*here[name])
            except hm.HaemonyError as error:
                skipped[name] = str(error)
        return cls(found, skipped)


def _is_omop(name: str) -> bool:
    folder = known(name)
    return folder is not None and read_description(folder).get("source") == "omop"


def all_others(_one: str, _other: str) -> bool:
    """Every other contribution is remembered."""
    return True


def of_other_sources(one: str, other: str) -> bool:
    """Only contributions whose files come from another source are remembered."""
    return _source(one) != _source(other)


def nothing(_one: str, _other: str) -> bool:
    """No contribution is remembered."""
    return False


def _source(name: str) -> str:
    folder = known(name)
    described = read_description(folder) if folder else {}
    return str(described.get("found_in", name))


def left_out(files: Files, remembered: Others = all_others) -> Iterator[Drafted]:
    """Draft every contribution at hand, without its own dictionary."""
    learned = dictionaries()
    for name, contribution in files.contributions.items():
        yield drafted(contribution, _memory(name, learned, remembered))


def _memory(name: str, learned: Mapping[str, Dictionary], remembered: Others) -> Memory:
    others = {
        other: lines
        for other, lines in learned.items()
        if other != name and remembered(name, other)
    }
    return Memory.of(others)


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
    written = tuple(
        (line.entry.element, _given(contribution, name, line.entry.column))
        for name, table in zip(contribution.tables, made.tables, strict=True)
        for line in table.columns
    )
    return Drafted(contribution.id, contribution.disease, tuple(ranks), tuple(missed), written)


def _given(contribution: hm.Contribution, table: str, column: str) -> frozenset[str]:
    """The elements that a person gave a column."""
    lines = contribution.dictionary.mapped(table)
    return frozenset(entry.element for entry in lines if entry.column == column)


def together(found: list[Drafted]) -> Drafted:
    """All contributions as one."""
    ranks = tuple(rank for one in found for rank in one.ranks)
    return Drafted("all", "", ranks, (), tuple(line for one in found for line in one.written))


def _counts(one: Drafted) -> str:
    n = len(one.ranks)
    first, five = one.within(1), one.within(5)
    return f"{n} | {first} ({first / n:.1%}) | {five} ({five / n:.1%}) |"


def table(found: list[Drafted]) -> str:
    """A line for each contribution and one for all."""
    lines = [f"| `{one.name}` | {one.disease} | {_counts(one)}" for one in found]
    lines.append(f"| **all** |  | {_counts(together(found))}")
    first, five = (
        sum(one.within(places) / len(one.ranks) for one in found) / len(found) for places in (1, 5)
    )
    lines.append(f"| mean of contributions |  |  | {first:.1%} | {five:.1%} |")
    return HEAD + "\n".join(lines) + "\n"


def written(whole: Drafted) -> str:
    """How often what is written into a dictionary is right."""
    mapped = [(element, given) for element, given in whole.written if given]
    unmapped = [element for element, given in whole.written if not given]
    said = [(element, given) for element, given in mapped if element]
    right = sum(element in given for element, given in said)
    return WRITTEN.format(
        mapped=len(mapped),
        written=len(said),
        right=right,
        share=right / len(said),
        unmapped=len(unmapped),
        claimed=sum(map(bool, unmapped)),
    )


def page(files: Files, found: list[Drafted]) -> str:
    """The whole page."""
    harder = {
        "contributions of other sources": of_other_sources,
        "nothing": nothing,
    }
    lines = [
        f"| {what} | {_counts(together(list(left_out(files, remembered))))}"
        for what, remembered in harder.items()
    ]
    missed = [
        f"| `{one.name}` | `{column}` | {element} |"
        for one in found
        for column, element, suggested in one.missed
        if element not in suggested
    ]
    skipped = [f"| `{name}` | {why} |" for name, why in files.skipped.items()]
    parts = [
        table(found),
        written(together(found)),
        HARDER + "\n".join(lines),
        MISSED + "\n".join(missed),
    ]
    if skipped:
        parts.append(SKIPPED + "\n".join(skipped))
    return "".join(f"{part.rstrip()}\n" for part in parts)


def main() -> None:
    """Print the table, write the page, and on request list what was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--missed", action="store_true", help="list what was not suggested first")
    parser.add_argument("--forgetful", action="store_true", help="draft without any memory")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    shared = Path(os.environ.get("HAEMONY_SHARED_DATA", ROOT.parent / "shared" / "data"))
    files = Files.under(shared)
    found = list(left_out(files, nothing if given.forgetful else all_others))
    print(table(found), written(together(found)))
    for name, why in files.skipped.items():
        print(f"{name} is not measured: {why}")
    for one in found if given.missed else ():
        for column, element, suggested in one.missed:
            print(
                f"{one.name}: {column} is {element}, suggested {', '.join(suggested) or 'nothing'}"
            )
    if given.write:
        PAGE.write_text(page(files, found), encoding="utf-8")


if __name__ == "__main__":
    main()
