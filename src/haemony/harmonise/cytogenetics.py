"""Findings from karyotypes: each distinct text is parsed once and asked every rule.

No metaphases means that cytogenetics was not tested: such a person gets no finding at all.

Texts that differ only in how many cells were seen get the same answers, as long as the count stays
on its side of what makes a clone (two cells, three for a loss: ISCN 2020). So each *shape* is asked
once, and a thousand patients with ``46,XX[20]``, ``46,XX[25]`` … cost as much as one.
"""

from __future__ import annotations

import re
from functools import lru_cache

import polars as pl

from haemony.harmonise.facts import FACTS
from haemony.harmonise.karyotype import Karyotype, matches, parse
from haemony.model.element import Catalogue, Element, Finding

_COUNT = re.compile(r"\[(\d+)\]")
_ENOUGH = 3
"""Cells from which on a count can no longer change whether an abnormality is clonal."""


def shape(text: str) -> str:
    """A karyotype text with every cell count above three written as three.

    Example:
        >>> shape("47,XX,+8[12]/46,XX[2]")
        '47,XX,+8[3]/46,XX[2]'
    """
    return _COUNT.sub(lambda found: f"[{min(int(found[1]), _ENOUGH)}]", text)


@lru_cache(maxsize=100_000)
def _parsed(shaped: str) -> Karyotype:
    return parse(shaped)


def states(stated: pl.DataFrame) -> dict[str, str]:
    """The state of each distinct karyotype text (``evaluable``, ``no metaphases`` …)."""
    return {text: _parsed(shape(text)).state.value for text in _texts(stated)}


def _texts(stated: pl.DataFrame) -> list[str]:
    mine = stated.filter(pl.col("element") == "karyotype_iscn")
    return mine["code"].unique().drop_nulls().sort().to_list()


def findings(stated: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Derive three-valued findings from karyotype texts.

    Args:
        stated: Facts; ``karyotype_iscn`` among them.
        catalogue: Elements with ``from_karyotype`` rules.

    Returns:
        Facts, columns as in :data:`~haemony.harmonise.facts.FACTS`.
    """
    rules = {e.name: e.from_karyotype for e in catalogue.values() if e.from_karyotype}
    answers = [
        (text, name, result.value)
        for text, shaped in ((text, shape(text)) for text in _texts(stated))
        for name, rule in rules.items()
        if (result := _answer(rule, shaped)) is not None
    ]
    schema = {"karyotype": pl.String, "element": pl.String, "code": pl.String}
    known = pl.DataFrame(answers, schema=schema, orient="row")
    texts = stated.filter(pl.col("element") == "karyotype_iscn").rename({"code": "karyotype"})
    found = texts.drop("element").join(known, on="karyotype")
    one = found.unique(["person_id", "element", "day"], keep="first", maintain_order=True)
    return one.select(FACTS.names())


def finding_in(text: str, element: Element) -> Finding | None:
    """What one karyotype text says of an element; nothing when it cannot be told."""
    return _answer(element.from_karyotype, shape(text))


@lru_cache(maxsize=1_000_000)
def _answer(rule: str, shaped: str) -> Finding | None:
    answer = matches(rule, _parsed(shaped))
    if answer is None:
        return None
    return Finding.POSITIVE if answer else Finding.NEGATIVE
