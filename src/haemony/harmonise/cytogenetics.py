"""Findings from karyotypes: each distinct text is parsed once and asked every rule.

No metaphases means that cytogenetics was not tested: such a person gets no finding at all.
"""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from haemony.harmonise.facts import FACTS
from haemony.harmonise.karyotype import Karyotype, matches, parse
from haemony.model.element import Catalogue, Finding

_parsed = lru_cache(maxsize=100_000)(parse)


def states(stated: pl.DataFrame) -> dict[str, str]:
    """The state of each distinct karyotype text (``evaluable``, ``no metaphases`` …)."""
    return {text: _parsed(text).state.value for text in _texts(stated)}


def _texts(stated: pl.DataFrame) -> list[str]:
    mine = stated.filter(pl.col("element") == "karyotype_iscn")
    return mine["code"].unique().drop_nulls().sort().to_list()


def findings(stated: pl.DataFrame, catalogue: Catalogue, skip: frozenset[str]) -> pl.DataFrame:
    """Derive three-valued findings from karyotype texts.

    Args:
        stated: Facts; ``karyotype_iscn`` among them.
        catalogue: Elements with ``from_karyotype`` rules.
        skip: Elements the contribution reports directly: those are never derived.

    Returns:
        Facts, columns as in :data:`~haemony.harmonise.facts.FACTS`.
    """
    rules = {e.name: e.from_karyotype for e in catalogue.values() if e.from_karyotype}
    wanted = {name: rule for name, rule in rules.items() if name not in skip}
    answers = [
        (text, name, result.value)
        for text in _texts(stated)
        for name, rule in wanted.items()
        if (result := _answer(rule, _parsed(text))) is not None
    ]
    schema = {"karyotype": pl.String, "element": pl.String, "code": pl.String}
    known = pl.DataFrame(answers, schema=schema, orient="row")
    texts = stated.filter(pl.col("element") == "karyotype_iscn").rename({"code": "karyotype"})
    found = texts.drop("element").join(known, on="karyotype")
    one = found.unique(["person_id", "element", "day"], keep="first", maintain_order=True)
    return one.select(FACTS.names())


def _answer(rule: str, karyotype: Karyotype) -> Finding | None:
    answer = matches(rule, karyotype)
    if answer is None:
        return None
    return Finding.POSITIVE if answer else Finding.NEGATIVE
