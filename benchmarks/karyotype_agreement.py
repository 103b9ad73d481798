"""Why this exists: hold the karyotype reader against the columns that experts coded by hand.

The three AMLSG trials give, for the same patients, the ISCN text and hand-coded findings. This
script compares the two for patients with at least one evaluable metaphase, prints a Markdown table
and writes it to `docs/reference/karyotype-agreement.md`. The rules are those of the element
catalogue, which the lake uses; which column feeds which element, the dictionary says. Every
disagreement must stand, reviewed, in `tests/reference/karyotype_disagreements.csv`, under a key
that names no patient. A second section holds the same reader against texts that were not used to
fit it (`karyotype_unseen.py`).

Run it with `python benchmarks/karyotype_agreement.py`; the data are looked for in the directory
that `HAEMONY_SHARED_DATA` names, or else beside the checkout in `../shared/data`.
"""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import karyotype_residue as residue
import karyotype_unseen as unseen
from karyotype_measures import FEWEST_CARRIERS, Agreement, Case, agree, pooled

import haemony as hm
from haemony.harmonise.karyotype import is_scheme, parse
from haemony.intake.dictionary import read_dictionary
from haemony.intake.known import known

ROOT = Path(__file__).resolve().parents[1]
REVIEW = ROOT / "tests" / "reference" / "karyotype_disagreements.csv"
PAGE = ROOT / "docs" / "reference" / "karyotype-agreement.md"

SUMMARIES = ("NK", "complex")
"""Words about the whole karyotype: shown, but no abnormalities, so not pooled with them."""

WHOLE_CHROMOSOME = re.compile(r"X\d{0,2}|Y")
"""Columns that flag any abnormality of one chromosome; unused and undocumented by their source."""


def shared_data() -> Path:
    """Where the sources lie that must not be part of the project."""
    return Path(os.environ.get("HAEMONY_SHARED_DATA", ROOT.parent / "shared" / "data"))


def elements() -> dict[str, str]:
    """The element that each hand-coded column feeds, by the dictionary of the contribution."""
    folder = known("amlsg")
    if folder is None:  # pragma: no cover - the dictionary is part of the package
        return {}
    catalogue = hm.disease("aml").catalogue
    return {
        entry.column: entry.element
        for entry in read_dictionary(folder / "dictionary.csv").mapped("clinical")
        if entry.element in catalogue
        and catalogue[entry.element].from_karyotype
        and not is_scheme(catalogue[entry.element].from_karyotype)
    }


def read_rules() -> dict[str, str]:
    """The rule for each hand-coded column: its element's, or any change of its chromosome."""
    catalogue = hm.disease("aml").catalogue
    rules = {column: catalogue[name].from_karyotype for column, name in elements().items()}
    columns = [*(f"X{number}" for number in range(1, 23)), "X", "Y"]
    return rules | {column: f"any({column[1:] or column})" for column in columns}


def read_review(path: Path = REVIEW) -> dict[str, str]:
    """The reviewed disagreements: key to class (ours, source, undecidable)."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["key"]: row["class"] for row in csv.DictReader(file)}


def read_cases(directory: Path) -> list[Case]:
    """Each patient's karyotype, as read, beside the hand-coded columns."""
    with (directory / "karyotypes.tsv").open(newline="", encoding="utf-8") as file:
        texts = {row["PDID"]: row["karyotype"] for row in csv.DictReader(file, delimiter="\t")}
    with (directory / "clinical.csv").open(newline="", encoding="utf-8") as file:
        return [(parse(texts.get(row["PDID"], "")), row) for row in csv.DictReader(file)]


def reviewed(agreement: Agreement, review: Mapping[str, str]) -> Agreement:
    """The same table without the disagreements that are not ours."""
    ours = [item for item in agreement.disagreements if review.get(item.key, "ours") == "ours"]
    return replace(
        agreement,
        ours_only=sum(item.side == "ours positive" for item in ours),
        source_only=sum(item.side == "source positive" for item in ours),
        disagreements=tuple(ours),
    )


def abnormalities(agreements: Iterable[Agreement]) -> list[Agreement]:
    """The named abnormalities that enough patients carry to be judged one by one."""
    return [
        item
        for item in agreements
        if item.carriers >= FEWEST_CARRIERS
        and item.finding not in SUMMARIES
        and not WHOLE_CHROMOSOME.fullmatch(item.finding)
    ]


def chromosomes(agreements: Iterable[Agreement]) -> list[Agreement]:
    """The columns that flag any abnormality of one chromosome."""
    return [item for item in agreements if WHOLE_CHROMOSOME.fullmatch(item.finding)]


def page(agreements: Sequence[Agreement], review: Mapping[str, str], second: str) -> str:
    """The reference page, as Markdown; `second` are the sections that follow."""
    named = abnormalities(agreements)
    summaries = [item for item in agreements if item.finding in SUMMARIES]
    every = [found for item in agreements for found in item.disagreements]
    tally = {
        name: sum(review.get(found.key) == name for found in every)
        for name in ("ours", "source", "undecidable")
    }
    lines = [
        "# Karyotypes: the reader against hand-coded columns",
        "",
        "Written by `benchmarks/karyotype_agreement.py`; do not edit. The rules are those of the "
        "element catalogue (`from_karyotype` in `src/haemony/diseases/aml/elements.csv`), the same "
        "that derive findings for the lake.",
        "",
        "## The AMLSG trials",
        "",
        "The three trials of Papaemmanuil 2016, patients with at least one evaluable metaphase; "
        f"abnormalities with at least {FEWEST_CARRIERS} carriers. Rules and reader were refined "
        "with these strings in view, so the figures are apparent ones.",
        "",
        "*Undecided* are karyotypes in which an unreadable or unspecified item may be the finding; "
        "of them, those positive in the source are given behind the slash. *Worst case* is the "
        "sensitivity if these are counted as missed. *In reach* is what the best reader of the "
        "same formulas would get that knew all codes beforehand: formulas that say the same about "
        "the chromosomes concerned, and were coded differently, cannot all be answered right. "
        "*Reviewed* leaves out the disagreements that, on review, are not the reader's; it "
        "explains the figures and does not replace them.",
        "",
        *_table([*named, pooled(named)], review),
        "",
        "## The whole karyotype",
        "",
        *_table(summaries, review),
        "",
        "## Any abnormality of a chromosome",
        "",
        "The source does not document these columns; some flag constitutional variants and digits "
        "of marker chromosomes.",
        "",
        *_table([*chromosomes(agreements), pooled(chromosomes(agreements))], review),
        "",
        "## All columns together",
        "",
        *_table([pooled([*named, *chromosomes(agreements)], "all abnormalities")], review),
        "",
        "## Disagreements",
        "",
        f"{len(every)} over all columns, each reviewed with its reason in "
        f"`tests/reference/karyotype_disagreements.csv`: {tally['ours']} ours, {tally['source']} "
        f"the source's, {tally['undecidable']} undecidable from the text.",
        "",
    ]
    return "\n".join(lines) + "\n" + second


def sections(folder: Path) -> str:
    """What follows the AMLSG trials: what is left over, and the texts not used for fitting."""
    return residue.section(folder) + "\n" + unseen.section(folder / unseen.FOLDER)


def _table(agreements: Iterable[Agreement], review: Mapping[str, str]) -> list[str]:
    return [
        "| finding | element | n | carriers | missed | extra | undecided | sensitivity | PPV | κ "
        "| worst case | in reach: sens. / PPV | reviewed: sens. / PPV |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
        *(_line(item, elements().get(item.finding, ""), review) for item in agreements),
    ]


def _line(item: Agreement, element: str, review: Mapping[str, str]) -> str:
    after = reviewed(item, review)
    return (
        f"| {item.finding} | {element} | {item.n} | {item.carriers} | {item.source_only} "
        f"| {item.ours_only} | {item.undecided}/{item.hidden} | {item.sensitivity:.3f} "
        f"| {item.ppv:.3f} | {item.kappa:.3f} | {item.worst_case:.3f} "
        f"| {item.reach.sensitivity:.3f} / {item.reach.ppv:.3f} "
        f"| {after.sensitivity:.3f} / {after.ppv:.3f} |"
    )


def main() -> int:
    """Compare, print and write the page."""
    directory, other = shared_data() / "amlsg", shared_data() / unseen.FOLDER
    if not directory.is_dir() or not other.is_dir():
        print(
            "the data are not all here: set HAEMONY_SHARED_DATA to the directory that holds "
            f"amlsg/ and {unseen.FOLDER}/"
        )
        return 1
    agreements = agree(read_cases(directory), read_rules())
    review = read_review()
    text = page(agreements, review, sections(shared_data()))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    open_cases = {
        found.key: found
        for item in agreements
        for found in item.disagreements
        if found.key not in review
    }
    for found in open_cases.values():
        print(f"not reviewed: {found.key} {found.finding} ({found.side})")
    return 1 if open_cases else 0


if __name__ == "__main__":
    sys.exit(main())
