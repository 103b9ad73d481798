"""Findings and groups from karyotypes: each distinct text is parsed once and asked every rule.

No metaphases means that cytogenetics was not tested: such a person gets no finding at all.

Texts that differ only in how many cells were seen get the same answers, as long as the count stays
on its side of what makes a clone (two cells, three for a loss: ISCN 2020). So each *shape* is asked
once, and a thousand patients with ``46,XX[20]``, ``46,XX[25]`` … cost as much as one.

A finding's rule is in the language of :mod:`haemony.harmonise.karyotype.rules`. A category's is
``scheme:NAME``, one of :data:`haemony.harmonise.karyotype.SCHEMES`, whose groups are its values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import polars as pl

from haemony.harmonise.facts import FACTS
from haemony.harmonise.karyotype import (
    Karyotype,
    KaryotypeRuleError,
    Questions,
    is_scheme,
    matches,
    parse,
    scheme,
)
from haemony.model.element import Catalogue, Element, Finding, ValueType

_COUNT = re.compile(r"\[(\d+)\]")
_ENOUGH = 3
"""Cells from which on a count can no longer change whether an abnormality is clonal."""

_SHAPE = "karyotype_shape"


def shape(text: str) -> str:
    """A karyotype text with every cell count above three written as three.

    Example:
        >>> shape("47,XX,+8[12]/46,XX[2]")
        '47,XX,+8[3]/46,XX[2]'
    """
    return _COUNT.sub(lambda found: f"[{min(int(found[1]), _ENOUGH)}]", text)


@lru_cache(maxsize=20_000)
def _parsed(shaped: str) -> Karyotype:
    return parse(shaped)


def states(stated: pl.DataFrame) -> dict[str, str]:
    """The state of each distinct karyotype text (``evaluable``, ``no metaphases`` …)."""
    return {text: _parsed(shape(text)).state.value for text in _texts(stated)}


def _texts(stated: pl.DataFrame) -> list[str]:
    mine = stated.filter(pl.col("element") == "karyotype_iscn")
    return mine["code"].unique().drop_nulls().sort().to_list()


class Reading:
    """The questions that a catalogue asks of a karyotype.

    Example:
        >>> from haemony.model.disease import disease
        >>> reading = Reading(disease("aml").catalogue)
        >>> told = reading.of("47,XX,+8[12]/46,XX[2]")
        >>> told["plus_8"], told["minus_7"]
        ('positive', 'negative')
    """

    def __init__(self, catalogue: Catalogue) -> None:
        rules = {e.name: e.from_karyotype for e in catalogue.values() if e.from_karyotype}
        self._questions = Questions({n: rule for n, rule in rules.items() if not is_scheme(rule)})
        self._schemes = {n: scheme(rule) for n, rule in rules.items() if is_scheme(rule)}
        for name in self._schemes:
            check_scheme(catalogue[name])

    def of(self, text: str) -> dict[str, str]:
        """The value of every element that one karyotype text tells."""
        karyotype = _parsed(text)
        answers = self.findings_of(karyotype)
        told = {name: _CODES[answer] for name, answer in answers.items() if answer is not None}
        groups = self.groups_of(karyotype)
        return told | {name: group for name, group in groups.items() if group is not None}

    def findings_of(self, karyotype: Karyotype) -> dict[str, bool | None]:
        """The answer to the rule of every finding."""
        return self._questions.answers(karyotype)

    def groups_of(self, karyotype: Karyotype) -> dict[str, str | None]:
        """The group by the scheme of every category."""
        return {name: known.group_of(karyotype) for name, known in self._schemes.items()}


_CODES: dict[bool, str] = {True: Finding.POSITIVE.value, False: Finding.NEGATIVE.value}


def check_scheme(element: Element) -> None:
    """Refuse a scheme for an element that cannot hold its groups.

    Raises:
        KaryotypeRuleError: The element is no category, or lacks a group among its values.
    """
    missing = set(scheme(element.from_karyotype).groups) - set(element.codes)
    if element.type is not ValueType.CATEGORY or missing:
        raise KaryotypeRuleError(
            element.from_karyotype,
            reason=f"{element.name} cannot hold its groups",
            fix=f"make it a category and give it in values.csv: {', '.join(sorted(missing))}",
        )


def findings(stated: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Derive three-valued findings, and groups, from karyotype texts.

    Args:
        stated: Facts; ``karyotype_iscn`` among them.
        catalogue: Elements with ``from_karyotype`` rules.

    Returns:
        Facts, columns as in :data:`~haemony.harmonise.facts.FACTS`.
    """
    shapes = {text: shape(text) for text in _texts(stated)}
    known = _known(Reading(catalogue), sorted(set(shapes.values())))
    texts = stated.filter(pl.col("element") == "karyotype_iscn", pl.col("code").is_not_null())
    shaped = texts.with_columns(pl.col("code").replace_strict(shapes).alias(_SHAPE))
    found = shaped.drop("element", "code").join(known, on=_SHAPE)
    if shaped.select("person_id", "day").is_duplicated().any():
        found = found.unique(["person_id", "element", "day"], keep="first", maintain_order=True)
    return found.select(FACTS.names())


def _known(reading: Reading, shapes: list[str]) -> pl.DataFrame:
    """What each shape tells: one row per shape and element, none where it tells nothing."""
    karyotypes = [_parsed(shaped) for shaped in shapes]
    code = pl.when(pl.col("code")).then(pl.lit(_CODES[True])).otherwise(pl.lit(_CODES[False]))
    findings = _long(shapes, [reading.findings_of(k) for k in karyotypes], pl.Boolean())
    groups = _long(shapes, [reading.groups_of(k) for k in karyotypes], pl.String())
    return pl.concat([findings.with_columns(code.alias("code")), groups])


def _long(
    shapes: list[str], told: Sequence[Mapping[str, bool | str | None]], type_: pl.DataType
) -> pl.DataFrame:
    """One row per shape and element from one mapping per shape; all have the same elements."""
    names = list(told[0]) if told else []
    columns = zip(*(each.values() for each in told), strict=True)
    schema = {_SHAPE: pl.String(), **dict.fromkeys(names, type_)}
    wide = pl.DataFrame({_SHAPE: shapes, **dict(zip(names, columns, strict=True))}, schema=schema)
    if not names:
        return wide.clear().with_columns(
            pl.lit("").alias("element"), pl.lit(None, type_).alias("code")
        )
    long = wide.unpivot(index=_SHAPE, variable_name="element", value_name="code")
    return long.drop_nulls("code")


def finding_in(text: str, element: Element) -> Finding | None:
    """What one karyotype text says of an element; nothing when it cannot be told."""
    return _answer(element.from_karyotype, shape(text))


@lru_cache(maxsize=1_000_000)
def _answer(rule: str, shaped: str) -> Finding | None:
    answer = matches(rule, _parsed(shaped))
    if answer is None:
        return None
    return Finding.POSITIVE if answer else Finding.NEGATIVE
