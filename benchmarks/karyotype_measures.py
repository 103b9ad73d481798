"""Why this exists: one way to count how a karyotype rule and a hand-coded column agree.

Besides the four-field table there is a ceiling: formulas that say the same about the chromosomes
that a rule names cannot be told apart by any reader. Where such formulas were coded differently, a
reader that gave each the answer of its majority would still be wrong for the others. What that
reader reaches, knowing all answers, is the most that a reading of these formulas can reach.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from haemony.harmonise.karyotype import Karyotype, Kind, State, matches

Case = tuple[Karyotype, Mapping[str, str]]

POSITIVE = frozenset({"1", "TRUE"})
MISSING = frozenset({"", "NA"})
FEWEST_CARRIERS = 15
_CHROMOSOME = re.compile(r"(?:^|[+\-(;])(\d{1,2}|[XY])")


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
class Reach:
    """What the best reader of the same formulas would get: found, missed and extra carriers."""

    both: int
    missed: int
    extra: int

    @property
    def sensitivity(self) -> float:
        """The share of the column's carriers that a reader can find."""
        return share(self.both, self.both + self.missed)

    @property
    def ppv(self) -> float:
        """The share of that reader's carriers that the column confirms."""
        return share(self.both, self.both + self.extra)


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
    reach: Reach

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
        return share(self.both, self.carriers)

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

    @property
    def hidden(self) -> int:
        """Carriers by the column whose karyotype leaves the finding open."""
        return sum(found.side.startswith("undecided") for found in self.disagreements)

    @property
    def worst_case(self) -> float:
        """The sensitivity if carriers that are left open count as missed."""
        return share(self.both, self.carriers + self.hidden)


def share(part: float, whole: float) -> float:
    """A proportion; not a number when there is nothing to divide."""
    return part / whole if whole else float("nan")


def agree(cases: Iterable[Case], rules: Mapping[str, str]) -> list[Agreement]:
    """Compare every rule with its column, over patients with at least one evaluable metaphase."""
    judged = [case for case in cases if case[0].state is State.EVALUABLE]
    return [agree_on(finding, rule, judged) for finding, rule in rules.items()]


def agree_on(finding: str, rule: str, cases: Sequence[Case]) -> Agreement:
    """Compare one rule with one column of patients who were all karyotyped."""
    fields: Counter[tuple[bool, bool]] = Counter()
    undecided = 0
    found: list[Disagreement] = []
    told = [
        (karyotype, row[finding] in POSITIVE)
        for karyotype, row in cases
        if row[finding] not in MISSING
    ]
    for karyotype, theirs in told:
        ours = matches(rule, karyotype)
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
        reach=_reach(chromosomes_of(rule), told),
    )


def chromosomes_of(rule: str) -> frozenset[str]:
    """The chromosomes that a rule names; none for words about the whole karyotype.

    Example:
        >>> sorted(chromosomes_of("t(9;11)(p21~23;q23) & !t(9;11;v) | -7 | loss(5q)"))
        ['11', '5', '7', '9']
        >>> chromosomes_of("complex")
        frozenset()
    """
    return frozenset(name for term in re.split(r"[\s|&!]+", rule) for name in _names(term))


def _names(term: str) -> Iterable[str]:
    first_bracket = term.split(")", 1)[0]
    return (found[1] for found in _CHROMOSOME.finditer(first_bracket))


def _reach(chromosomes: frozenset[str], told: Sequence[tuple[Karyotype, bool]]) -> Reach:
    """Give every way to write about these chromosomes the answer of most of its patients."""
    codes: defaultdict[object, Counter[bool]] = defaultdict(Counter)
    for karyotype, theirs in told:
        codes[told_about(karyotype, chromosomes)][theirs] += 1
    positive = [code for code in codes.values() if code[True] >= code[False]]
    both = sum(code[True] for code in positive)
    return Reach(
        both=both,
        missed=sum(code[True] for code in codes.values()) - both,
        extra=sum(code[False] for code in positive),
    )


def told_about(karyotype: Karyotype, chromosomes: frozenset[str]) -> frozenset[tuple[str, bool]]:
    """What a formula says about some chromosomes: each item, and whether it is clonal.

    Items that could not be read may concern any chromosome, so they belong to all. Without
    chromosomes it is the formula itself.
    """
    if not chromosomes:
        return frozenset({(karyotype.text, True)})
    clonal = {item.text for item in karyotype.abnormalities}
    return frozenset(
        (item.text, item.text in clonal)
        for clone in karyotype.own_clones
        for item in clone.abnormalities
        if item.kind in {Kind.UNREAD, Kind.DESCRIBED_COMPLEX}
        or not chromosomes.isdisjoint(item.all_chromosomes)
    )


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
        reach=Reach(
            both=sum(item.reach.both for item in every),
            missed=sum(item.reach.missed for item in every),
            extra=sum(item.reach.extra for item in every),
        ),
    )
