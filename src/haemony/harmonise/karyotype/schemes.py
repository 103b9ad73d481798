"""Why this exists: some elements are no finding but a group, and the karyotype alone decides it.

Each scheme is a published classification, under a name that an element's `from_karyotype` can give
as `scheme:NAME`. A group is only told when nothing that was not understood could change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from haemony.harmonise.karyotype.formula import Karyotype, State
from haemony.harmonise.karyotype.rules import KaryotypeRuleError, matches
from haemony.harmonise.karyotype.summary import (
    CORE_BINDING_FACTOR,
    abnormality_count,
    clonal_families,
    is_normal,
)

PREFIX = "scheme:"


@dataclass(frozen=True, slots=True)
class Scheme:
    """A classification by karyotype: its groups from best to worst, and how they are told."""

    name: str
    groups: tuple[str, ...]
    group_of: Callable[[Karyotype], str | None]


def is_scheme(rule: str) -> bool:
    """Say whether a rule names a scheme, and so gives a group instead of yes or no."""
    return rule.startswith(PREFIX)


def scheme(rule: str) -> Scheme:
    """Find the scheme that a rule names.

    Raises:
        KaryotypeRuleError: There is none of that name.
    """
    found = SCHEMES.get(rule.removeprefix(PREFIX))
    if found is None:
        known = ", ".join(f"{PREFIX}{name}" for name in SCHEMES)
        raise KaryotypeRuleError(
            rule, reason="there is no such scheme", fix=f"write one of {known}"
        )
    return found


_COMPLEX = 3

_ONE = (
    ("very good", "-Y | del(11q) & loss(11q)"),
    ("good", "del(5q) & loss(5q) | del(12p) & loss(12p) | del(20q) & loss(20q)"),
    ("poor", "-7 | inv(3)(q21) | inv(3)(q26) | t(3q;v) | t(3;3) | del(3q) & loss(3q)"),
)
"""A deletion counts by its arm, so `del(5)` without one leaves the group open."""

_TWO = (("poor", "-7 | loss(7q)"), ("good", "del(5q) & loss(5q)"))
"""7q is also lost through der(1;7) and other unbalanced translocations."""


def ipss_r(karyotype: Karyotype) -> str | None:
    """Tell the cytogenetic group of the revised International Prognostic Scoring System.

    Schanz et al., J Clin Oncol 2012;30:820-829; Greenberg et al., Blood 2012;120:2454-2465. Clones
    that share no abnormality are independent: they are not added up, and make the group
    intermediate unless one of them is complex on its own. `inc` stands for at least one abnormality
    more.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> texts = ("45,X,-Y", "46,XX", "47,XX,+8", "45,XX,-7", "46,XX,del(5)(q13q33),+8[9]")
        >>> [ipss_r(parse(text)) for text in texts]
        ['very good', 'good', 'intermediate', 'poor', 'good']
        >>> ipss_r(parse("46,XX,del(5)(q13q33)[9]/47,XX,+8[5]"))
        'intermediate'
    """
    count = abnormality_count(karyotype)
    if not count:
        return "good" if count == 0 and is_normal(karyotype) else None
    families = clonal_families(karyotype)
    understood = max(family.understood for family in families)
    incomplete = any(clone.incomplete for clone in karyotype.clonal)
    if understood + incomplete > _COMPLEX:
        return "very poor"
    if incomplete or karyotype.is_described_complex or any(family.unread for family in families):
        return None
    if understood == _COMPLEX:
        return "poor"
    groups = _ONE if understood == 1 else _TWO
    return _first(karyotype, groups if len(families) == 1 else (), otherwise="intermediate")


def _first(
    karyotype: Karyotype, groups: tuple[tuple[str, str], ...], *, otherwise: str
) -> str | None:
    """The first group whose rule holds; none as soon as a rule cannot be decided."""
    for name, rule in groups:
        answer = matches(rule, karyotype)
        if answer is None:
            return None
        if answer:
            return name
    return otherwise


_KMT2A = "t(9;11)(p21~23;q23) & !t(9;11;v)"
_ADVERSE = " | ".join(
    (
        "t(6;9)(p21~23;q34)",
        "t(v;11q23)",
        "t(9;22)(q34;q11)",
        "inv(3)(q26)",
        "t(3;3)(v;q26)",
        "-5",
        "loss(5q)",
        "-7",
        "-17",
        "abn(17p)",
        "monosomal",
    )
)


def eln_2017(karyotype: Karyotype) -> str | None:
    """Tell the risk by karyotype alone, as the European LeukemiaNet recommended in 2017.

    Döhner et al., Blood 2017;129:424-447. Genes refine the groups; promyelocytic leukaemia has
    recommendations of its own, so t(15;17) has no group.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> [eln_2017(parse(text)) for text in ("46,XX,inv(16)(p13q22)", "46,XX", "45,XX,-7")]
        ['favourable', 'intermediate', 'adverse']
    """
    return _eln(karyotype, f"{_ADVERSE} | complex(eln2017)")


def eln_2022(karyotype: Karyotype) -> str | None:
    """Tell the risk by karyotype alone, as the European LeukemiaNet recommended in 2022.

    Döhner et al., Blood 2022;140:1345-1377. Other than in 2017, t(8;16) and every translocation of
    3q26 are adverse, and many extra chromosomes alone are not complex.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> eln_2022(parse("49,XX,+8,+13,+21")), eln_2017(parse("49,XX,+8,+13,+21"))
        ('intermediate', 'adverse')
    """
    return _eln(karyotype, f"{_ADVERSE} | t(8;16)(p11;p13) | t(3q26;v) | complex(eln2022)")


def _eln(karyotype: Karyotype, adverse: str) -> str | None:
    if karyotype.state is not State.EVALUABLE or matches("t(15;17)", karyotype) is not False:
        return None
    groups = (("favourable", CORE_BINDING_FACTOR), ("intermediate", _KMT2A), ("adverse", adverse))
    return _first(karyotype, groups, otherwise="intermediate")


SCHEMES = {
    "ipss_r": Scheme("ipss_r", ("very good", "good", "intermediate", "poor", "very poor"), ipss_r),
    "eln_2017": Scheme("eln_2017", ("favourable", "intermediate", "adverse"), eln_2017),
    "eln_2022": Scheme("eln_2022", ("favourable", "intermediate", "adverse"), eln_2022),
}
