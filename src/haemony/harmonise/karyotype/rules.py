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

Bands are compared as far as both sides were resolved: the rule's q22 agrees with q22.3 and with q2.
Only clonal, acquired abnormalities of the patient's own cells count. The answer is `None` when
there is no karyotype, when an unreadable item of the formula might be the finding, when a rule
asks for an arm and the formula names a rebuilt chromosome without its breakpoint (`der(17)`), and
when it says that the chromosome is rebuilt and not how (`abn(16)(q22)`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from haemony.harmonise.karyotype.abnormality import (
    AUTOSOMES,
    CHROMOSOMES,
    Abnormality,
    Breakpoint,
    Kind,
    Sign,
)
from haemony.harmonise.karyotype.dosage import imbalance, is_balanced
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State
from haemony.harmonise.karyotype.item import KINDS
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

Test = Callable[[Clone], bool]


class KaryotypeRuleError(UsageError):
    """A karyotype rule cannot be understood."""

    def __init__(self, rule: str, *, reason: str, fix: str) -> None:
        self.rule, self.reason, self.fix = rule, reason, fix
        super().__init__(f"karyotype rule {rule!r}: {reason}; {fix}")


@dataclass(frozen=True, slots=True)
class Term:
    """One question about a karyotype.

    `concerns` are the chromosomes under which ISCN lists the finding; `arm_of` is the chromosome of
    which the term asks for an arm; `rebuilt` are the chromosomes whose rearrangement is asked for.
    """

    text: str
    ask: Callable[[Karyotype], bool | None]
    concerns: frozenset[str]
    denied: bool = False
    arm_of: str = ""
    rebuilt: frozenset[str] = frozenset()

    def answer(self, karyotype: Karyotype) -> bool | None:
        """Say yes, no, or `None` where an unread or unlocated item might be the finding."""
        found = self.ask(karyotype)
        if found is None:
            return None
        if not found and _may_hide(karyotype, self.concerns):
            return None
        if not found and self.arm_of and _is_unlocated(karyotype, self.arm_of):
            return None
        if not found and _is_unspecified(karyotype, self.rebuilt):
            return None
        return found is not self.denied


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule: alternatives, each of terms that must hold together."""

    text: str
    alternatives: tuple[tuple[Term, ...], ...]

    def answer(self, karyotype: Karyotype) -> bool | None:
        """Say whether the finding is present; `None` means not tested or not decidable."""
        if karyotype.state is not State.EVALUABLE:
            return None
        undecided = False
        for terms in self.alternatives:
            answers = [term.answer(karyotype) for term in terms]
            if all(answers):
                return True
            undecided = undecided or False not in answers
        return None if undecided else False


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


def _may_hide(karyotype: Karyotype, concerns: frozenset[str]) -> bool:
    return any(
        item.kind is Kind.DESCRIBED_COMPLEX
        or (item.kind is Kind.UNREAD and not concerns.isdisjoint(item.chromosomes))
        for clone in karyotype.own_clones
        for item in clone.abnormalities
    )


def _is_unlocated(karyotype: Karyotype, name: str) -> bool:
    """A rebuilt chromosome without any breakpoint may have lost or gained either arm.

    ISCN gives the breakpoints of a translocation once; a second derivative need not repeat them.
    """
    items = karyotype.abnormalities
    located = {item.all_chromosomes for item in items if item.parts and item.all_breakpoints}
    return any(
        item.is_structural
        and name in item.all_chromosomes
        and not item.all_breakpoints
        and item.all_chromosomes not in located
        for item in items
    )


def _is_unspecified(karyotype: Karyotype, names: frozenset[str]) -> bool:
    """`abn(16)(q22)` says that 16 is rebuilt, not how: it may be an inv(16)."""
    return any(
        item.kind is Kind.UNSPECIFIED and not names.isdisjoint(item.chromosomes)
        for item in karyotype.abnormalities
    )


def _in_any_clone(test: Test) -> Callable[[Karyotype], bool]:
    return lambda karyotype: any(test(clone) for clone in karyotype.clonal if clone.abnormalities)


def _term(rule: str, part: str) -> Term:
    written = re.sub(r"\s+", "", part)
    denied = written.startswith("!")
    text = written.removeprefix("!")
    if not text:
        raise KaryotypeRuleError(
            rule, reason="a term is empty", fix="write a finding on both sides of | and &"
        )
    if text in {"normal", "complex", "monosomal"}:
        return Term(text, _summary(text), frozenset(), denied)
    if text.lstrip("+") in _ELEMENTS:
        kind = _ELEMENTS[text.lstrip("+")]
        return Term(text, _in_any_clone(_has_element(kind)), frozenset(_ORDER), denied)
    if whole := _WHOLE.fullmatch(text):
        name = _known(rule, whole[2])
        test = _has_whole(name, Sign(whole[1]))
        return Term(text, _in_any_clone(test), frozenset({name}), denied)
    if call := _CALL.fullmatch(text):
        test, concerns = _call(rule, call[1] + call[2], call[3], call[4] or "")
        arm = _ARM.fullmatch(call[3])
        rebuilt = frozenset() if call[2] == "any" else _chromosomes_of(call[3])
        return Term(text, _in_any_clone(test), concerns, denied, arm[1] if arm else "", rebuilt)
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


def _summary(word: str) -> Callable[[Karyotype], bool | None]:
    def ask(karyotype: Karyotype) -> bool | None:
        from haemony.harmonise.karyotype import summary  # noqa: PLC0415 - summary asks rules, too

        answers = {
            "normal": summary.is_normal,
            "complex": summary.is_complex,
            "monosomal": summary.is_monosomal,
        }
        return answers[word](karyotype)

    return ask


def _has_whole(name: str, sign: Sign) -> Test:
    def test(clone: Clone) -> bool:
        return any(
            item.kind is Kind.NUMERICAL and item.sign is sign and item.chromosomes == (name,)
            for item in clone.abnormalities
        )

    return test


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
    return lambda clone: (name, arm) in imbalance(clone.abnormalities).lost


def _gains(name: str, arm: str) -> Test:
    return lambda clone: (name, arm) in imbalance(clone.abnormalities).gained


def _breaks(name: str, arm: str) -> Test:
    def test(clone: Clone) -> bool:
        if any(
            point.chromosome == name and point.arm == arm
            for item in clone.abnormalities
            if item.sign is not Sign.LOST
            for point in item.all_breakpoints
        ):
            return True
        change = imbalance(clone.abnormalities)
        return (name, arm) in change.lost or (name, arm) in change.gained

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
        return any(
            member.kind is kind and _fits(sites, member)
            for item in clone.abnormalities
            if item.sign is not Sign.LOST
            for member in item.everyone
        )

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
    aligned = len(names) == len(member.breakpoints)
    slots = [
        (name, member.breakpoints[place : place + 1] if aligned else _of(name, member))
        for place, name in enumerate(names)
    ]
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
