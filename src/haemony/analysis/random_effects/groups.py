"""How the groups of random effects are said: which terms each holds, and what is given of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Literal

import numpy as np
import polars as pl

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.formula import read
from haemony.analysis.survival.data.given import figures
from haemony.analysis.survival.faults import BadCovariate

Terms = Mapping[str, Sequence[frozenset[str]]]


_FACTOR = re.compile(r"(?:`[^`]*`|[^:`])+")


def term_key(text: str) -> frozenset[str]:
    """A term whatever the order of its factors: "a:b" and "b:a" are one, "`a:b`" is another.

    >>> sorted(term_key("NPM1:`del:5q`"))
    ['NPM1', 'del:5q']
    """
    return frozenset(part.strip().strip("`") for part in _FACTOR.findall(text))


def terms_of(
    groups: Mapping[str, Sequence[str]], table: pl.DataFrame | None
) -> Mapping[str, Sequence[str]]:
    """The terms of each group as a formula has them, odd names of columns in backticks."""
    columns = set() if table is None else set(table.columns)
    held = {}
    for name, terms in groups.items():
        written = [f"`{term}`" if term in columns else term for term in terms]
        found = [read(f"Surv(time, event) ~ {text}").terms for text in written]
        held[name] = list(chain.from_iterable(found))
    return held


def with_terms(formula: str, held: Mapping[str, Sequence[str]]) -> str:
    """A formula to which the terms of the groups are added."""
    stated = {term_key(term) for term in read(formula).terms}
    added = [term for terms in held.values() for term in terms if term_key(term) not in stated]
    return " + ".join([formula, *added])


def codes_of(
    held: Terms,
    places: Mapping[frozenset[str], tuple[int, ...]],
    p: int,
) -> Integers:
    """(p,) the group of each column; -1 where no group holds it."""
    code = np.full(p, -1, dtype=np.intp)
    for group, (name, terms) in enumerate(held.items()):
        for term in terms:
            if term not in places:
                raise BadCovariate(
                    name,
                    reason=f"holds {':'.join(sorted(term))}, which is not among the covariates",
                    remedy="name the covariates as they are given",
                )
            mine = list(places[term])
            if (code[mine] >= 0).any():
                raise BadCovariate(
                    name,
                    reason=f"holds {':'.join(sorted(term))}, which a group has already",
                    remedy="put each covariate into one group",
                )
            code[mine] = group
    return code


def with_means(
    means: Literal["estimated", "zero"] | Collection[str], groups: Mapping[str, Sequence[str]]
) -> Flags:
    """(q,) which groups have a mean of their own."""
    if isinstance(means, str):
        if means not in ("estimated", "zero"):
            raise BadCovariate(
                "means", reason="is unknown", remedy="choose 'estimated', 'zero' or group names"
            )
        return np.full(len(groups), means == "estimated")
    _check_known("means", means, groups)
    return np.array([name in means for name in groups])


def given_variances(
    variances: float | Mapping[str, float] | None, groups: Mapping[str, Sequence[str]]
) -> Floats:
    """(q,) the variances that are given; NaN where they are estimated."""
    if variances is None:
        return np.full(len(groups), np.nan)
    given = variances if isinstance(variances, Mapping) else dict.fromkeys(groups, variances)
    _check_known("variances", given, groups)
    known = figures(list(given.values()), "variances", remedy="give positive numbers")
    if known.ndim != 1 or np.isnan(known).any():
        raise BadCovariate(
            "variances", reason="hold NaN", remedy="leave out those that are to be estimated"
        )
    by_name = dict(zip(given, known.tolist(), strict=True))
    return np.array([by_name.get(name, np.nan) for name in groups])


def _check_known(what: str, given: Collection[str], groups: Mapping[str, Sequence[str]]) -> None:
    strange = [name for name in given if name not in groups]
    if strange:
        raise BadCovariate(
            what,
            reason=f"names {', '.join(strange)}, which is no group",
            remedy=f"the groups are {', '.join(groups)}",
        )
