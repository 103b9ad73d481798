"""Why this exists: a reader that was refined on one source must be judged on another.

The TP53 study of the International Working Group for MDS (Bernard 2020) published, for 3,324
patients from many centres, the ISCN text and a matrix of chromosomal changes. The matrix is no pure
coding of the texts: its authors integrated conventional cytogenetics with copy numbers from
sequencing, so it counts what no karyotype shows and recasts what the karyotype says (a monosomy 7
whose long arm alone is lost becomes 7q-). So every column is compared twice: over all patients, and
over those in whom sequencing lists nothing on the chromosomes of the finding, where the column
rests on the karyotype.

Which rule belongs to which column follows from the column's name. The acrocentric chromosomes have
one column each, for the chromosome and its long arm.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from karyotype_measures import (
    FEWEST_CARRIERS,
    Agreement,
    Case,
    agree_on,
    chromosomes_of,
    pooled,
    share,
    told_about,
)

import haemony as hm
from haemony.harmonise.karyotype import (
    SCHEMES,
    Karyotype,
    Kind,
    State,
    matches,
    parse,
    scheme,
)

FOLDER = "mds_tp53_iwg"

ELEMENTS = {
    "minus_5_5q": ("del5", "del5q"),
    "minus_5": ("del5",),
    "del_5q": ("del5q",),
    "minus_7": ("del7",),
    "del_7q": ("del7q",),
    "plus_8": ("plus8", "plus8q"),
    "trisomy_8": ("plus8",),
    "del_9q": ("del9q",),
    "minus_17": ("del17",),
    "minus_18": ("del18", "del18q"),
    "minus_20": ("del20", "del20q"),
    "minus_Y": ("delY",),
    "minus_X": ("delX",),
    "complex_karyotype": ("complex",),
}
"""The elements that a column, or two of them together, name."""

_ACROCENTRIC = frozenset({"13", "14", "15", "21", "22"})
_WHOLE = re.compile(r"(del|plus)(\d{1,2}|[XY])")
_ARM = re.compile(r"(del|plus)(\d{1,2}|X)([pq])")
_ISOCHROMOSOME = re.compile(r"iso(\d{1,2}[pq])")
_JOINED = re.compile(r"r_(\d{1,2})_(\d{1,2})")
_NO_FINDING = re.compile(r"cnloh.*|del4q24|WGA|r_9_9")
"""Copy-neutral loss, a focal deletion, a word for the genome, and the normal variant inv(9)."""


@dataclass(frozen=True, slots=True)
class Patient:
    """A karyotype, the columns, and the chromosomes on which sequencing lists a change."""

    karyotype: Karyotype
    row: Mapping[str, str]
    sequenced: frozenset[str]


def rule_of(column: str) -> str:
    """The rule that a column's name spells; empty when a karyotype cannot show it.

    Example:
        >>> [rule_of(name) for name in ("del7q", "plus8", "del13", "iso17q", "r_1_7", "cnloh17p")]
        ['loss(7q)', '+8', '-13 | loss(13q)', 'i(17q)', 't(1;7) | der(1;7) | dic(1;7)', '']
    """
    if _NO_FINDING.fullmatch(column):
        return ""
    if found := _WHOLE.fullmatch(column):
        sign, word = {"del": ("-", "loss"), "plus": ("+", "gain")}[found[1]]
        whole = f"{sign}{found[2]}"
        return f"{whole} | {word}({found[2]}q)" if found[2] in _ACROCENTRIC else whole
    if found := _ARM.fullmatch(column):
        return f"{'loss' if found[1] == 'del' else 'gain'}({found[2]}{found[3]})"
    if found := _ISOCHROMOSOME.fullmatch(column):
        return f"i({found[1]})"
    if found := _JOINED.fullmatch(column):
        pair = f"({found[1]};{found[2]})"
        same = f"inv({found[1]}) | t{pair}"
        return same if found[1] == found[2] else f"t{pair} | der{pair} | dic{pair}"
    return {"mar": "mar", "ring": "r"}.get(column, "")


def read_patients(directory: Path) -> list[Patient]:
    """Patients whose karyotype is given, with a column for every element."""
    with (directory / "dd_matrix_binary_cyto.tsv").open(newline="", encoding="utf-8") as file:
        matrix = {row["LEUKID"]: row for row in csv.DictReader(file, delimiter="\t")}
    with (directory / "dd_clinical_cyto_chr17.tsv").open(newline="", encoding="utf-8") as file:
        clinical = list(csv.DictReader(file, delimiter="\t"))
    return [_patient(row, matrix[row["LEUKID"]]) for row in clinical if row["CYTOGENETICS"] != "NA"]


def _patient(clinical: Mapping[str, str], matrix: Mapping[str, str]) -> Patient:
    said = {**matrix, "complex": "01"[clinical["complex"] == "complex"]}
    named = {
        element: "01"[any(said[column] == "1" for column in columns)]
        for element, columns in ELEMENTS.items()
    }
    listed = ",".join(
        clinical[column]
        for column in (
            "NGS_CHRARM_LOSS",
            "NGS_CHRARM_GAIN",
            "CNACS_chrarm_loss",
            "CNACS_chrarm_gain",
        )
    )
    return Patient(
        karyotype=parse(clinical["CYTOGENETICS"]),
        row={**said, **named, "CYTO_IPSSR": clinical["CYTO_IPSSR"]},
        sequenced=frozenset(re.findall(r"(?<![pq\d])(\d{1,2}|X|Y)(?=[pq,]|$)", listed)),
    )


def compare(
    patients: Sequence[Patient], rules: Mapping[str, str]
) -> list[tuple[Agreement, Agreement]]:
    """Each finding over all patients, and over those with no change from sequencing there."""
    judged = [one for one in patients if one.karyotype.state is State.EVALUABLE]
    return [
        (
            agree_on(finding, rule, _cases(judged)),
            agree_on(finding, rule, _cases(one for one in judged if not _is_sequenced(one, rule))),
        )
        for finding, rule in rules.items()
    ]


def _cases(patients: Iterable[Patient]) -> list[Case]:
    return [(one.karyotype, one.row) for one in patients]


def _is_sequenced(patient: Patient, rule: str) -> bool:
    named = chromosomes_of(rule)
    return bool(patient.sequenced & named if named else patient.sequenced)


def element_rules() -> dict[str, str]:
    """The catalogue's rule for each element that the source names."""
    catalogue = hm.disease("aml").catalogue
    return {name: catalogue[name].from_karyotype for name in ELEMENTS}


def column_rules(patients: Sequence[Patient]) -> dict[str, str]:
    """Rules spelled by the names of the columns that are not an element of their own."""
    taken = {columns[0] for columns in ELEMENTS.values() if len(columns) == 1}
    rules = {column: rule_of(column) for column in patients[0].row if column not in taken}
    return {column: rule for column, rule in rules.items() if rule and column not in ELEMENTS}


def cytogenetic_risk(karyotype: Karyotype) -> str | None:
    """The cytogenetic group of the IPSS-R, in the words of the source.

    Example:
        >>> [cytogenetic_risk(parse(text)) for text in ("45,X,-Y", "46,XX", "47,XX,+8", "45,XX,-7")]
        ['VERY-GOOD', 'GOOD', 'INT', 'POOR']
    """
    group = scheme("scheme:ipss_r").group_of(karyotype)
    return GROUPS[SCHEMES["ipss_r"].groups.index(group)] if group else None


def is_abnormal(karyotype: Karyotype) -> bool:
    """Say whether the formula writes any change at all, clonal or not, born with or acquired."""
    return any(
        clone.abnormalities or clone.ploidy or clone.modal_number != 46
        for clone in karyotype.own_clones
    )


def is_in_full(karyotype: Karyotype) -> bool:
    """Say whether every item of the formula was read."""
    return (
        karyotype.state is State.EVALUABLE
        and not _is_open(karyotype)
        and not karyotype.is_described_complex
    )


def _is_open(karyotype: Karyotype) -> bool:
    return any(item.kind is Kind.UNREAD for item in karyotype.abnormalities)


GROUPS = ("VERY-GOOD", "GOOD", "INT", "POOR", "VERY-POOR")


@dataclass(frozen=True, slots=True)
class RiskAgreement:
    """Patients whose group the source gives: compared, in the same group, and left open by us."""

    told: int
    same: int
    left_open: int
    chance: float

    @property
    def share(self) -> float:
        """The share in the same group, of those to whom both give one."""
        return share(self.same, self.told)

    @property
    def strict(self) -> float:
        """The same share if every group that is left open counts as wrong."""
        return share(self.same, self.told + self.left_open)

    @property
    def kappa(self) -> float:
        """Cohen's kappa over the five groups."""
        return share(self.share - self.chance, 1 - self.chance)


def risk_agreement(patients: Iterable[Patient]) -> RiskAgreement:
    """How often the group from the text is the group of the source."""
    pairs = [
        (cytogenetic_risk(one.karyotype), one.row["CYTO_IPSSR"])
        for one in patients
        if one.karyotype.state is State.EVALUABLE and one.row["CYTO_IPSSR"] in GROUPS
    ]
    told = [(ours, theirs) for ours, theirs in pairs if ours is not None]
    ours, theirs = Counter(pair[0] for pair in told), Counter(pair[1] for pair in told)
    return RiskAgreement(
        told=len(told),
        same=sum(a == b for a, b in told),
        left_open=len(pairs) - len(told),
        chance=sum(ours[group] * theirs[group] for group in GROUPS) / len(told) ** 2,
    )


def abnormal(patients: Iterable[Patient]) -> list[Patient]:
    """Patients whose formula is more than `46,XX` or `46,XY`."""
    return [one for one in patients if is_abnormal(one.karyotype)]


def _risk_line(name: str, found: RiskAgreement) -> str:
    return (
        f"| {name} | {found.told} | {found.same} | {found.share:.3f} | {found.kappa:.3f} "
        f"| {found.left_open} | {found.strict:.3f} |"
    )


def _risk_lines(patients: Sequence[Patient]) -> list[str]:
    return [
        "The group from the parsed karyotype (`scheme:ipss_r`) against the group that the source "
        "gives. Most formulas are plainly normal, so those that write any change stand apart. "
        "*Left open* are karyotypes to which the reader gives no group, since something that was "
        "not understood, or not written, could change it (a lone `45,X`, `del(5)` without an arm, "
        '"complex"); *strict* counts them as wrong.',
        "",
        "| karyotypes | both give a group | the same | share | κ | left open | strict |",
        "| --- | --: | --: | --: | --: | --: | --: |",
        _risk_line("all", risk_agreement(patients)),
        _risk_line("abnormal", risk_agreement(abnormal(patients))),
        "",
        "Where they differ the source mostly puts t(3q) and del(3q) among the intermediate, counts "
        "der(1;7) alone as two abnormalities, and takes the variant inv(9) for a finding.",
        "",
        "| group | n | carriers | missed | extra | sensitivity | PPV |",
        "| --- | --: | --: | --: | --: | --: | --: |",
        *(
            f"| {group} | {n} | {both + theirs} | {theirs} | {ours} "
            f"| {share(both, both + theirs):.3f} | {share(both, both + ours):.3f} |"
            for group, n, both, ours, theirs in risk_agreements(patients)
        ),
    ]


def risk_agreements(patients: Sequence[Patient]) -> list[tuple[str, int, int, int, int]]:
    """Group, patients compared, and those in it by both, by us alone and by the source alone."""
    told = [
        (ours, one.row["CYTO_IPSSR"])
        for one in patients
        if one.row["CYTO_IPSSR"] in GROUPS and (ours := cytogenetic_risk(one.karyotype)) is not None
    ]
    return [
        (
            group,
            len(told),
            sum(ours == theirs == group for ours, theirs in told),
            sum(ours == group != theirs for ours, theirs in told),
            sum(theirs == group != ours for ours, theirs in told),
        )
        for group in GROUPS
    ]


def reasons(patients: Sequence[Patient], rules: Mapping[str, str]) -> Counter[str]:
    """Why rule and column differ, as far as the files themselves tell."""
    tally: Counter[str] = Counter()
    for one in patients:
        if one.karyotype.state is not State.EVALUABLE:
            continue
        for finding, rule in rules.items():
            ours, theirs = matches(rule, one.karyotype), one.row[finding] == "1"
            if ours is not None and ours is not theirs:
                tally[_reason(one, rule, ours=ours)] += 1
    return tally


def _reason(patient: Patient, rule: str, *, ours: bool) -> str:
    if _is_sequenced(patient, rule):
        return "sequencing lists a change of the chromosome, and the column follows it"
    if ours:
        return "the formula shows the finding in a clone, the column does not count it"
    told = told_about(patient.karyotype, chromosomes_of(rule))
    if not told:
        return "the formula does not name the chromosome"
    if not any(clonal for _, clonal in told):
        return "the formula shows it in too few cells for a clone, the column counts it"
    return "the formula names the chromosome otherwise"


def section(directory: Path) -> str:
    """The section of the reference page, as Markdown."""
    patients = read_patients(directory)
    states = Counter(one.karyotype.state for one in patients)
    gaps = sum(_is_open(one.karyotype) for one in patients)
    described = sum(one.karyotype.is_described_complex for one in patients)
    in_full = sum(is_in_full(one.karyotype) for one in patients)
    elements, columns = element_rules(), column_rules(patients)
    by_element = compare(patients, elements)
    by_column = [pair for pair in compare(patients, columns) if pair[0].carriers >= FEWEST_CARRIERS]
    kept = {pair[0].finding: pair[0].rule for pair in [*by_element, *by_column]}
    tally = reasons(patients, kept)
    lines = [
        "## Texts not used for fitting: the MDS cohort of the IWG-PM",
        "",
        "Bernard 2020, patients with a karyotype text. The matrix of the source is not a coding of "
        "the texts alone: it integrates copy numbers from sequencing. So each finding stands "
        "twice: over all patients, and over those in whom sequencing lists nothing on the "
        "chromosomes concerned. The columns of the source were not coded for this purpose, and the "
        "second set of patients is chosen by a test that also finds part of what karyotypes show.",
        "",
        f"{len(patients)} texts: {states[State.EVALUABLE]} were read "
        f"({share(states[State.EVALUABLE], len(patients)):.1%}), {in_full} of them in full "
        f"({share(in_full, len(patients)):.1%}); {states[State.UNREADABLE]} are unreadable, {gaps} "
        f"have an item that stays open, {described} say only that the karyotype is complex.",
        "",
        "### Elements of the catalogue",
        "",
        *_table(by_element),
        "",
        f"### Other columns with at least {FEWEST_CARRIERS} carriers",
        "",
        "The rule follows from the name of the column. Of `add(19)(p13)` the source makes a gain "
        "of 19p, and so with other arms; to the reader it is material of unknown origin.",
        "",
        *_table(by_column),
        "",
        "### Cytogenetic risk of the IPSS-R",
        "",
        *_risk_lines(patients),
        "",
        "### Disagreements",
        "",
        f"{sum(tally.values())} over the columns above, sorted by what the files themselves tell:",
        "",
        *(f"- {count}: {reason}" for reason, count in tally.most_common()),
        "",
    ]
    return "\n".join(lines)


def _table(pairs: Iterable[tuple[Agreement, Agreement]]) -> list[str]:
    every = list(pairs)
    total = (pooled(pair[0] for pair in every), pooled(pair[1] for pair in every))
    head = "n | carriers | missed | extra | undecided | sens. | PPV | κ | in reach: sens. / PPV"
    return [
        f"| finding | rule | {head} | not sequenced: {head} |",
        "| --- | --- |" + " --: |" * 18,
        *(_line(*pair) for pair in [*every, total]),
    ]


def _line(every: Agreement, unsequenced: Agreement) -> str:
    rule = f"`{every.rule}`".replace("|", "\\|") if every.rule else ""
    return f"| {every.finding} | {rule} | {_figures(every)} | {_figures(unsequenced)} |"


def _figures(item: Agreement) -> str:
    return (
        f"{item.n} | {item.carriers} | {item.source_only} | {item.ours_only} "
        f"| {item.undecided}/{item.hidden} | {item.sensitivity:.3f} | {item.ppv:.3f} "
        f"| {item.kappa:.3f} | {item.reach.sensitivity:.3f} / {item.reach.ppv:.3f}"
    )
