"""Why this exists: hold the karyotype reader against the columns that experts coded by hand.

The three AMLSG trials give, for the same patients, the ISCN text and hand-coded findings. This
script
compares the two for patients with at least one evaluable metaphase, prints a Markdown table and
writes it to `docs/reference/karyotype-agreement.md`. Every disagreement must stand, reviewed, in
`tests/reference/karyotype_disagreements.csv`, under a key that names no patient.

Run it with `python benchmarks/karyotype_agreement.py`; the data are looked for in the directory
that `HAEMONY_SHARED_DATA` names, or else beside the checkout in `../shared/data`.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from haemony.harmonise.karyotype import Karyotype, State, matches, parse

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "tests" / "reference" / "aml_karyotype_rules.csv"
REVIEW = ROOT / "tests" / "reference" / "karyotype_disagreements.csv"
PAGE = ROOT / "docs" / "reference" / "karyotype-agreement.md"

FEWEST_CARRIERS = 15
SUMMARIES = ("NK", "complex")
"""Words about the whole karyotype: shown, but no abnormalities, so not pooled with them."""

WHOLE_CHROMOSOME = re.compile(r"X\d{0,2}|Y")
"""Columns that flag any abnormality of one chromosome; unused and undocumented by their source."""

Case = tuple[Karyotype, Mapping[str, str]]


def shared_data() -> Path:
    """Where the sources lie that must not be part of the project."""
    return Path(os.environ.get("HAEMONY_SHARED_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One finding in one karyotype on which the rule and the hand-coded column differ."""

    finding: str
    text: str
    side: str

    @property
    def key(self) -> str:
        """A name for the pair of finding and karyotype that tells nothing about a patient."""
        return hashlib.sha256(f"{self.finding}\n{self.text}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The four-field table of one finding, and what does not fit into it."""

    finding: str
    rule: str
    both: int
    ours_only: int
    source_only: int
    neither: int
    undecided: int
    disagreements: tuple[Disagreement, ...]

    @property
    def n(self) -> int:
        """Patients compared."""
        return self.both + self.ours_only + self.source_only + self.neither

    @property
    def carriers(self) -> int:
        """Patients with the finding, by the column."""
        return self.both + self.source_only

    @property
    def sensitivity(self) -> float:
        """The share of the column's carriers that the rule finds."""
        return share(self.both, self.both + self.source_only)

    @property
    def ppv(self) -> float:
        """The share of the rule's carriers that the column confirms."""
        return share(self.both, self.both + self.ours_only)

    @property
    def kappa(self) -> float:
        """Cohen's kappa (Educ Psychol Meas 1960;20:37-46)."""
        if not self.n:
            return float("nan")
        ours, theirs = self.both + self.ours_only, self.carriers
        chance = (ours * theirs + (self.n - ours) * (self.n - theirs)) / self.n**2
        return share((self.both + self.neither) / self.n - chance, 1 - chance)


def share(part: float, whole: float) -> float:
    """A proportion; not a number when there is nothing to divide."""
    return part / whole if whole else float("nan")


def read_rules(path: Path = RULES) -> dict[str, str]:
    """The rule for each hand-coded column."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["source_column"]: row["rule"] for row in csv.DictReader(file)}


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


def agree(cases: Iterable[Case], rules: Mapping[str, str]) -> list[Agreement]:
    """Compare every rule with its column, over patients with at least one evaluable metaphase."""
    judged = [case for case in cases if case[0].state is State.EVALUABLE]
    return [_agree_on(finding, rule, judged) for finding, rule in rules.items()]


def _agree_on(finding: str, rule: str, cases: Sequence[Case]) -> Agreement:
    fields = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    undecided = 0
    found: list[Disagreement] = []
    for karyotype, row in cases:
        if row[finding] in {"", "NA"}:
            continue
        ours, theirs = matches(rule, karyotype), row[finding] in {"1", "TRUE"}
        if ours is None:
            undecided += 1
            if theirs:
                found.append(Disagreement(finding, karyotype.text, "undecided, source positive"))
            continue
        fields[ours, theirs] += 1
        if ours is not theirs:
            side = "ours positive" if ours else "source positive"
            found.append(Disagreement(finding, karyotype.text, side))
    return Agreement(
        finding=finding,
        rule=rule,
        both=fields[True, True],
        ours_only=fields[True, False],
        source_only=fields[False, True],
        neither=fields[False, False],
        undecided=undecided,
        disagreements=tuple(found),
    )


def reviewed(agreement: Agreement, review: Mapping[str, str]) -> Agreement:
    """The same table without the disagreements that are not ours."""
    ours = [item for item in agreement.disagreements if review.get(item.key, "ours") == "ours"]
    return Agreement(
        finding=agreement.finding,
        rule=agreement.rule,
        both=agreement.both,
        ours_only=sum(item.side == "ours positive" for item in ours),
        source_only=sum(item.side == "source positive" for item in ours),
        neither=agreement.neither,
        undecided=agreement.undecided,
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


def pooled(agreements: Iterable[Agreement], name: str = "pooled") -> Agreement:
    """All four-field tables added up."""
    every = list(agreements)
    return Agreement(
        finding=name,
        rule="",
        both=sum(item.both for item in every),
        ours_only=sum(item.ours_only for item in every),
        source_only=sum(item.source_only for item in every),
        neither=sum(item.neither for item in every),
        undecided=sum(item.undecided for item in every),
        disagreements=tuple(found for item in every for found in item.disagreements),
    )


def page(agreements: Sequence[Agreement], review: Mapping[str, str]) -> str:
    """The reference page, as Markdown."""
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
        "Written by `benchmarks/karyotype_agreement.py`; do not edit. Source: the three AMLSG "
        "trials (Papaemmanuil 2016), patients with at least one evaluable metaphase. The rules are "
        "in `tests/reference/aml_karyotype_rules.csv`.",
        "",
        f"Abnormalities with at least {FEWEST_CARRIERS} carriers. *Undecided* are karyotypes in "
        "which an unreadable item may be the finding; of them, those positive in the source are "
        "given behind the slash. *Worst case* is the sensitivity if these are counted as missed. "
        "*Reviewed* leaves out the disagreements that, on review, are not the reader's; the review "
        "was made with the same data as the rules, so it explains the figures and does not replace "
        "them.",
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
    return "\n".join(lines)


def _table(agreements: Iterable[Agreement], review: Mapping[str, str]) -> list[str]:
    return [
        "| finding | n | carriers | missed | extra | undecided | sensitivity | PPV | κ "
        "| worst case | reviewed sens. / PPV |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
        *(_line(item, review) for item in agreements),
    ]


def _line(item: Agreement, review: Mapping[str, str]) -> str:
    hidden = sum(found.side.startswith("undecided") for found in item.disagreements)
    after = reviewed(item, review)
    worst = share(item.both, item.carriers + hidden)
    return (
        f"| {item.finding} | {item.n} | {item.carriers} | {item.source_only} | {item.ours_only} "
        f"| {item.undecided}/{hidden} | {item.sensitivity:.3f} | {item.ppv:.3f} | {item.kappa:.3f} "
        f"| {worst:.3f} | {after.sensitivity:.3f} / {after.ppv:.3f} |"
    )


def main() -> int:
    """Compare, print and write the page."""
    directory = shared_data() / "amlsg"
    if not directory.is_dir():
        print("no AMLSG data: set HAEMONY_SHARED_DATA to the directory that holds amlsg/")
        return 1
    agreements = agree(read_cases(directory), read_rules())
    review = read_review()
    text = page(agreements, review)
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
