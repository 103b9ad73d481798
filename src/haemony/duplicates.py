"""Patients who may be in two contributions that came without identities: a warning, never a merge.

Anonymised trials of one study group can have recruited the same patient. Without names there is
only what was measured: patients who agree in sex, age and every baseline value are suspicious when
there are more of them than chance gives.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import polars as pl
import polars.selectors as cs

from haemony.lake import Release
from haemony.model.element import Element, ValueType
from haemony.privacy.linkage.similar import Screen, SuspiciousPairs, screen

SEX = "sex"
AGE = "age_at_diagnosis"
KNOWN = 0.5
"""A value is used where at least this share of both contributions has it."""

CLOSE = 0.01
"""Laboratory values agree within this share of their median: rounding, not another day."""

MOST = 8
LEAST = 3


@dataclass(frozen=True)
class Screened:
    """Two contributions, compared.

    Attributes:
        first: Id of one contribution.
        second: Id of the other.
        columns: Tolerance of every value used, in its unit.
        found: Suspicious pairs against what chance gives; None where too few values are known.
    """

    first: str
    second: str
    columns: dict[str, float]
    found: Screen | None


def screen_release(release: Release) -> Iterator[Screened]:
    """Compare every two contributions of a release.

    Args:
        release: The release.

    Yields:
        One result for every two contributions, in the order of the manifest.
    """
    numbers = [e for e in release.disease.catalogue.values() if _measured(e)]
    names = [SEX, AGE, *(element.name for element in numbers)]
    table = release.features(list(dict.fromkeys(names)))
    for one, other in combinations(release.manifest.members, 2):
        left, right = (
            table.filter(pl.col("person_id").is_in(list(release.persons_of(member.id))))
            for member in (one, other)
        )
        columns = _columns(left, right, [element.name for element in numbers])
        yield Screened(one.id, other.id, columns, _screened(left, right, columns))


def _measured(element: Element) -> bool:
    return element.type is ValueType.NUMBER and not element.record and element.name != AGE


def _columns(left: pl.DataFrame, right: pl.DataFrame, numbers: list[str]) -> dict[str, float]:
    """The values that both contributions know well enough, with their tolerances."""

    def share(name: str) -> float:
        return min(1 - f[name].null_count() / max(f.height, 1) for f in (left, right))

    known = sorted((name for name in numbers if share(name) >= KNOWN), key=share, reverse=True)
    columns = {name: 0.0 for name in (SEX, AGE) if share(name) >= KNOWN}
    for name in known[:MOST]:
        middle = pl.concat([left[name], right[name]]).abs().median()
        columns[name] = CLOSE * float(middle or 0.0)  # type: ignore[arg-type]
    return columns


def _screened(left: pl.DataFrame, right: pl.DataFrame, columns: dict[str, float]) -> Screen | None:
    tolerances = [tolerance for tolerance in columns.values() if tolerance > 0]
    if len(tolerances) < LEAST or not (left.height and right.height):
        return None
    sex = cs.enum().cast(pl.String)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousPairs)
        return screen(
            left.with_columns(sex), right.with_columns(sex), columns, least_known=LEAST + 1
        )
