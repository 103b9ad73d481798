"""Why this exists: a haematologist writes a finding as text, and the catalogue stays a table.

A rule is one or more terms joined by `|` (or) and `&` (and, binding tighter); `!` before a term
denies it. A term is one of

    +8  -7  -Y            a whole chromosome gained or lost
    mar  r  dmin  hsr     such an element is present, of whatever origin
    t(8;21)(q22;q22)      the rearrangement, also as part of a derivative or a three-way variant
    t(v;11q23)            any partner joined to 11q23; bands may stand in the first bracket
    t(9;11)(p21~23;q23)   a band may be a range
    rcp(v;11q23)          reciprocal: the translocation itself, or all of its derivatives
    t(9;11;v)             a variant translocation with a third partner
    +del(11)  +add(21q)   the rebuilt chromosome is extra, beside its normal copies
    +any(11)              an extra chromosome, whole or rebuilt; not one that replaces a lost one
    inv(16)(p13q22)  i(17)(q10)  del(20q)  add(17p)  dic(5;17)  der(1;7)(q10;p10)
                          any other ISCN kind, with chromosomes, and bands if they matter
    loss(5q)  gain(1q)    a piece of the arm lost or gained by rearrangement: deletions, derivatives
                          of unbalanced translocations, isochromosomes, dicentrics, rings,
                          duplications; neither whole chromosomes (write -5) nor unknown
                          material (write add(5q))
    abn(12p)              any rearrangement that breaks in, loses or gains the arm
    any(7)                any acquired abnormality of the chromosome, numerical or structural
    normal  complex  monosomal
    complex(eln2017)  complex(eln2022)  complex(ipssr)  monosomal(eln)
                          the same by one published definition

Bands are compared as far as both sides were resolved: the rule's q22 agrees with q22.3 and with q2.
Only clonal, acquired abnormalities of the patient's own cells count. The answer is `None` when
there is no karyotype, when an unreadable item of the formula might be the finding, when a rule
asks for an arm and the formula names a rebuilt chromosome without its breakpoint (`der(17)`), and
when it says that the chromosome is rebuilt and not how (`abn(16)(q22)`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module

from haemony.harmonise.karyotype.abnormality import (
    AUTOSOMES,
    CHROMOSOMES,
    Abnormality,
    Breakpoint,
    Kind,
    Sign,
)
from haemony.harmonise.karyotype.dosage import is_balanced
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State
from haemony.harmonise.karyotype.item import KINDS
from haemony.harmonise.karyotype.lazy import lazy
from haemony.model.errors import UsageError

_ORDER = ("X", "Y", *AUTOSOMES)
_CALL = re.compile(r"(\+?)([a-z]+)\(([^()]+)\)(?:\(([^()]+)\))?")
_WHOLE = re.compile(r"([+-])(\d{1,2}|[XY])")
_ARM = re.compile(r"(\d{1,2}|[XY])([pq])")
_FIELD = re.compile(r"(v|\d{1,2}|[XY])(?:([pq])([\d.]*)(?:~[pq]?([\d.]+))?)?")
_BANDS = re.compile(r"([pq])([\d.]*)(?:~[pq]?([\d.]+))?")
_ELEMENTS = {
    "mar": Kind.MARKER,
    "r": Kind.RING,
    "dmin": Kind.DOUBLE_MINUTES,
    "hsr": Kind.STAINING_REGION,
}
_LARGEST_REARRANGEMENT = 8
_MOST_REMEMBERED = 50_000

Test = Callable[[Clone], bool]


class KaryotypeRuleError(UsageError):
    """A karyotype rule cannot be understood."""

    def __init__(self, rule: str, *, reason: str, fix: str) -> None:
        self.rule, self.reason, self.fix = rule, reason, fix
        super().__init__(f"karyotype rule {rule!r}: {reason}; {fix}")


@dataclass(frozen=True, slots=True)
class Term:
    """One question about a karyotype.

    `test` judges one clone; a word about the whole karyotype has a `summary` instead. `needs` are
    the chromosomes without which it cannot be true. `concerns` are those under which
    ISCN lists the finding; `arm_of` is the chromosome of which the term asks for an arm; `rebuilt`
    are the chromosomes whose rearrangement is asked for.
    """

    text: str
    test: Test | None = None
    summary: Callable[[Karyotype], bool | None] | None = None
    concerns: frozenset[str] = frozenset()
    denied: bool = False
    arm_of: str = ""
    rebuilt: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()

    def answer(self, karyotype: Karyotype) -> bool | None:
        """Say yes, no, or `None` where an unread or unlocated item might be the finding."""
        found = self.summary(karyotype) if self.summary else self.is_in(karyotype.abnormal)
        if found is None:
            return None
        if not found and not karyotype.is_plain and self._may_be_hidden(karyotype):
            return None
        return found is not self.denied

    def is_in(self, clones: Iterable[Clone]) -> bool:
        """Say whether one of some clones has what is asked for."""
        if self.test is not None:
            for clone in clones:
                if self.needs <= clone.mentions and self.test(clone):
                    return True
        return False

    def _may_be_hidden(self, karyotype: Karyotype) -> bool:
        return (
            karyotype.is_described_complex
            or not self.concerns.isdisjoint(karyotype.hidden)
            or self.arm_of in karyotype.unlocated
            or not self.rebuilt.isdisjoint(karyotype.unspecified)
        )


@dataclass(frozen=True)
class Rule:
    """A compiled rule: alternatives, each of terms that must hold together."""

    text: str
    alternatives: tuple[tuple[Term, ...], ...]

    def answer(self, karyotype: Karyotype) -> bool | None:
        """Say whether the finding is present; `None` means not tested or not decidable."""
        if karyotype.state is not State.EVALUABLE:
            return None
        if self.is_about_clones and karyotype.is_plain:
            return self.holds(karyotype.abnormal)
        undecided = False
        for terms in self.alternatives:
            worst: bool | None = True
            for term in terms:
                answer = term.answer(karyotype)
                if answer is False:
                    worst = False
                    break
                if answer is None:
                    worst = None
            if worst:
                return True
            undecided = undecided or worst is None
        return None if undecided else False

    @lazy
    def is_about_clones(self) -> bool:
        """Say whether no word about the whole karyotype is among the terms."""
        return not any(term.summary for terms in self.alternatives for term in terms)

    def holds(self, clones: tuple[Clone, ...]) -> bool:
        """Say whether it holds in clones that leave nothing open."""
        for terms in self.alternatives:
            for term in terms:
                if term.is_in(clones) is term.denied:
                    break
            else:
                return True
        return False

    @lazy
    def needs(self) -> tuple[frozenset[str], ...]:
        """For each alternative, the chromosomes without which it cannot hold."""
        return tuple(
            frozenset().union(*(term.needs for term in terms if not term.denied))
            for terms in self.alternatives
        )

    def may_hold(self, mentioned: frozenset[str]) -> bool:
        """Say whether it can hold in a karyotype that names these chromosomes and no others."""
        return any(needed <= mentioned for needed in self.needs)


class Questions:
    """Many rules, asked of many karyotypes: each is asked only those that may hold.

    Most karyotypes name few chromosomes, and most rules need some that they do not name. Which
    rules are left depends on the chromosomes alone, so it is worked out once for each set of them.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> asked = Questions({"eight": "+8", "seven": "-7 | loss(7q)"})
        >>> asked.answers(parse("47,XX,+8[9]/46,XX[3]"))
        {'eight': True, 'seven': False}
    """

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = {name: compile_rule(rule) for name, rule in rules.items()}
        self._all_denied: dict[str, bool | None] = dict.fromkeys(rules, False)
        self._left: dict[frozenset[str], tuple[tuple[str, Rule], ...]] = {}

    def answers(self, karyotype: Karyotype) -> dict[str, bool | None]:
        """Answer every rule, as :func:`matches` would."""
        if not karyotype.is_plain or karyotype.state is not State.EVALUABLE:
            return {name: rule.answer(karyotype) for name, rule in self._rules.items()}
        answers = self._all_denied.copy()
        for name, rule in self._left_for(karyotype.mentions):
            answers[name] = rule.answer(karyotype)
        return answers

    def _left_for(self, mentioned: frozenset[str]) -> tuple[tuple[str, Rule], ...]:
        left = self._left.get(mentioned)
        if left is None:
            left = tuple((n, rule) for n, rule in self._rules.items() if rule.may_hold(mentioned))
            if len(self._left) < _MOST_REMEMBERED:
                self._left[mentioned] = left
        return left


def matches(rule: str, karyotype: Karyotype) -> bool | None:
    """Say whether a karyotype has a finding: yes, no, or `None` for not tested.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> found = parse("46,XY,der(5)t(5;17)(q11;p11),-17[9]/46,XY[11]")
        >>> matches("-5 | loss(5q)", found), matches("+8 | gain(8q)", found)
        (True, False)
    """
    return compile_rule(rule).answer(karyotype)


@lru_cache(maxsize=4_096)
def compile_rule(text: str) -> Rule:
    """Understand a rule once.

    Raises:
        KaryotypeRuleError: The rule is not in the language; the message says what to write instead.
    """
    alternatives = tuple(
        tuple(_term(text, part) for part in alternative.split("&"))
        for alternative in text.split("|")
    )
    return Rule(text, alternatives)


def _term(rule: str, part: str) -> Term:
    written = re.sub(r"\s+", "", part)
    denied = written.startswith("!")
    text = written.removeprefix("!")
    if not text:
        raise KaryotypeRuleError(
            rule, reason="a term is empty", fix="write a finding on both sides of | and &"
        )
    if text in _SUMMARIES:
        return Term(text, summary=_summary(_SUMMARIES[text]), denied=denied)
    if text.lstrip("+") in _ELEMENTS:
        test = _has_element(_ELEMENTS[text.lstrip("+")])
        return Term(text, test, concerns=frozenset(_ORDER), denied=denied)
    if whole := _WHOLE.fullmatch(text):
        named = frozenset({_known(rule, whole[2])})
        test = _has_whole(whole[2], Sign(whole[1]))
        return Term(text, test, concerns=named, denied=denied, needs=named)
    if call := _CALL.fullmatch(text):
        test, concerns = _call(rule, call[1] + call[2], call[3], call[4] or "")
        arm = _ARM.fullmatch(call[3])
        named = _chromosomes_of(call[3])
        return Term(
            text,
            test,
            concerns=concerns,
            denied=denied,
            arm_of=arm[1] if arm else "",
            rebuilt=frozenset() if call[2] == "any" else named,
            needs=named,
        )
    raise KaryotypeRuleError(
        rule,
        reason=f"{text!r} is not a term",
        fix="write for example -7, del(5q), loss(5q), t(8;21)(q22;q22), any(7) or complex",
    )


def _chromosomes_of(inside: str) -> frozenset[str]:
    """The chromosomes named in the first bracket of a term: of `t(v;11q23)` it is 11."""
    found = (_FIELD.fullmatch(field) for field in inside.split(";"))
    return frozenset(item[1] for item in found if item) - {"v"}


def _known(rule: str, name: str) -> str:
    if name not in CHROMOSOMES:
        raise KaryotypeRuleError(
            rule, reason=f"there is no chromosome {name!r}", fix="use 1 to 22, X or Y"
        )
    return name


_SUMMARIES = {
    "normal": "is_normal",
    "complex": "is_complex",
    "complex(eln2017)": "is_complex_eln_2017",
    "complex(eln2022)": "is_complex_eln_2022",
    "complex(ipssr)": "is_complex_ipss_r",
    "monosomal": "is_monosomal",
    "monosomal(eln)": "is_monosomal",
}
"""Words about the whole karyotype, and the functions of `summary` that answer them."""


def _summary(name: str) -> Callable[[Karyotype], bool | None]:
    def ask(karyotype: Karyotype) -> bool | None:
        return _summary_function(name)(karyotype)

    return ask


@cache
def _summary_function(name: str) -> Callable[[Karyotype], bool | None]:
    """Found when first asked for: summaries ask rules, too."""
    answer: Callable[[Karyotype], bool | None] = getattr(
        import_module("haemony.harmonise.karyotype.summary"), name
    )
    return answer


def _has_whole(name: str, sign: Sign) -> Test:
    wanted = (name, sign)
    return lambda clone: wanted in clone.whole


def _has_element(kind: Kind) -> Test:
    return lambda clone: any(
        member.kind is kind for item in clone.abnormalities for member in item.everyone
    )


def _call(rule: str, word: str, inside: str, bands: str) -> tuple[Test, frozenset[str]]:
    if word in {"loss", "gain", "abn", "any"} and not bands:
        return _about_arm(rule, word, inside)
    if word == "rcp":
        sites = _sites(rule, inside, bands)
        return _is_reciprocal(sites), _listed_under(sites)
    if word == "+any" and not bands:
        name = _known(rule, inside)
        return _has_one_more(name), frozenset({name})
    extra = word.startswith("+")
    kind = KINDS.get(word.removeprefix("+"))
    if kind is None:
        raise KaryotypeRuleError(
            rule,
            reason=f"{word!r} is not an ISCN symbol or one of loss, gain, abn, any, rcp",
            fix="use a symbol such as t, inv, del, add, der, dic, i, ins, dup or r",
        )
    sites = _sites(rule, inside, bands)
    if extra:
        return _has_extra(kind, sites), _listed_under(sites)
    return _has_rearrangement(kind, sites), _listed_under(sites)


def _about_arm(rule: str, word: str, inside: str) -> tuple[Test, frozenset[str]]:
    arm = _ARM.fullmatch(inside)
    if arm:
        name = _known(rule, arm[1])
        tests = {
            "loss": _loses(name, arm[2]),
            "gain": _gains(name, arm[2]),
            "abn": _breaks(name, arm[2]),
            "any": _breaks(name, arm[2]),
        }
        return tests[word], frozenset({name})
    if word not in {"any", "abn"}:
        raise KaryotypeRuleError(
            rule,
            reason=f"{word}({inside}) does not name a chromosome arm",
            fix=f"write the arm without bands, for example {word}(5q)",
        )
    name = _known(rule, inside)
    return (_involves(name) if word == "any" else _rebuilds(name)), frozenset({name})


def _loses(name: str, arm: str) -> Test:
    return lambda clone: (name, arm) in clone.imbalance.lost


def _gains(name: str, arm: str) -> Test:
    return lambda clone: (name, arm) in clone.imbalance.gained


def _breaks(name: str, arm: str) -> Test:
    place = (name, arm)

    def test(clone: Clone) -> bool:
        if place in clone.broken:
            return True
        change = clone.imbalance
        return place in change.lost or place in change.gained

    return test


def _involves(name: str) -> Test:
    return lambda clone: any(
        name in item.all_chromosomes for item in clone.abnormalities if item.kind is not Kind.UNREAD
    )


def _rebuilds(name: str) -> Test:
    return lambda clone: any(
        item.is_structural and name in item.all_chromosomes for item in clone.abnormalities
    )


@dataclass(frozen=True, slots=True)
class _Site:
    """A chromosome of a rule, and the places where it must have broken; `v` is any chromosome."""

    name: str
    bands: tuple[tuple[str, str, str], ...]


def _sites(rule: str, inside: str, bands: str) -> tuple[_Site, ...]:
    fields = inside.split(";")
    shares = bands.split(";") if bands else [""] * len(fields)
    if len(shares) != len(fields):
        raise KaryotypeRuleError(
            rule,
            reason=f"{len(fields)} chromosomes but {len(shares)} groups of bands",
            fix="separate the bands by ; as the chromosomes, for example t(8;21)(q22;q22)",
        )
    sites = []
    for written, share in zip(fields, shares, strict=True):
        found = _FIELD.fullmatch(written)
        if not found:
            raise KaryotypeRuleError(
                rule,
                reason=f"{written!r} is not a chromosome",
                fix="use 1 to 22, X or Y, with an arm or band behind it if it matters (11q23)",
            )
        name = found[1] if found[1] == "v" else _known(rule, found[1])
        own = [(found[2], found[3] or "", found[4] or "")] if found[2] else []
        sites.append(_Site(name, tuple(own + _share(rule, share))))
    return tuple(sites)


def _share(rule: str, share: str) -> list[tuple[str, str, str]]:
    if share in {"", "v", "?"}:
        return []
    found = list(_BANDS.finditer(share))
    if "".join(item[0] for item in found) != share:
        raise KaryotypeRuleError(
            rule, reason=f"{share!r} is not a band", fix="write bands as in q22, p13q22 or p21~23"
        )
    return [(item[1], item[2], item[3] or "") for item in found]


def _listed_under(sites: tuple[_Site, ...]) -> frozenset[str]:
    names = [site.name for site in sites if site.name != "v"]
    if not names:
        return frozenset(_ORDER)
    first = min(names, key=_ORDER.index)
    if any(site.name == "v" for site in sites):
        return frozenset(_ORDER[: _ORDER.index(first) + 1])
    return frozenset({first})


def _has_rearrangement(kind: Kind, sites: tuple[_Site, ...]) -> Test:
    def test(clone: Clone) -> bool:
        members = clone.rearrangements.get(kind)
        return members is not None and any(_fits(sites, member) for member in members)

    return test


def _has_extra(kind: Kind, sites: tuple[_Site, ...]) -> Test:
    return lambda clone: any(
        item.kind is kind and item.sign is Sign.GAINED and _fits(sites, item)
        for item in clone.abnormalities
    )


def _has_one_more(name: str) -> Test:
    """More gains of the chromosome than losses: of `-7,+der(7)` nothing is extra."""

    def test(clone: Clone) -> bool:
        mine = [item for item in clone.abnormalities if name in item.chromosomes]
        gained = sum(item.copies for item in mine if item.sign is Sign.GAINED)
        return gained > sum(item.copies for item in mine if item.sign is Sign.LOST)

    return test


def _is_reciprocal(sites: tuple[_Site, ...]) -> Test:
    """Balanced: an unbalanced derivative has lost one of the two fusions, and often both genes."""

    def test(clone: Clone) -> bool:
        for item in clone.abnormalities:
            if item.kind is Kind.TRANSLOCATION and _fits(sites, item):
                return True
            for part in item.parts:
                joins = part.kind is Kind.TRANSLOCATION and _fits(sites, part)
                if joins and is_balanced(item, part, clone.abnormalities):
                    return True
        return False

    return test


def _fits(sites: tuple[_Site, ...], member: Abnormality) -> bool:
    """Say whether every site of the rule finds its own chromosome in the rearrangement."""
    names = member.chromosomes
    if not len(sites) <= len(names) <= _LARGEST_REARRANGEMENT:
        return False
    for site in sites:
        if site.name != "v" and site.name not in names:
            return False
    aligned = len(names) == len(member.breakpoints)
    slots = [
        (name, member.breakpoints[place : place + 1] if aligned else _of(name, member))
        for place, name in enumerate(names)
    ]
    if len(sites) == 1:
        needed = sites[0].name == "v"
        return any(_site_fits(sites[0], *slot, bands_needed=needed) for slot in slots)
    any_partner = any(site.name == "v" for site in sites)
    ordered = sorted(sites, key=lambda site: site.name == "v")
    return _assign(ordered, slots, bands_needed=any_partner)


def _of(name: str, member: Abnormality) -> tuple[Breakpoint, ...]:
    return tuple(point for point in member.breakpoints if point.chromosome == name)


def _assign(
    sites: list[_Site], slots: list[tuple[str, tuple[Breakpoint, ...]]], *, bands_needed: bool
) -> bool:
    if not sites:
        return True
    site, *others = sites
    return any(
        _site_fits(site, name, points, bands_needed=bands_needed)
        and _assign(others, slots[:place] + slots[place + 1 :], bands_needed=bands_needed)
        for place, (name, points) in enumerate(slots)
    )


def _site_fits(
    site: _Site, name: str, points: tuple[Breakpoint, ...], *, bands_needed: bool
) -> bool:
    if site.name not in {"v", name}:
        return False
    if not points:
        return not (site.bands and bands_needed)
    return all(any(point.lies_in(*band) for point in points) for band in site.bands)
