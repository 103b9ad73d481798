"""Names as a haematologist reads them: units, groups, coefficients of a model.

Everything is derived from the element catalogue; an author's own label wins where one is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from haemony.model.element import Element, Finding, ValueType

_UNITS = {"a": "years", "d": "days", "10*9/L": "×10⁹/L"}
_NEED_A_SUBJECT = {"yes", "no", "absent", "present"}
_PER = {"log2": "per doubling", "log10": "per tenfold rise", "log": "per e-fold rise"}


def unit(element: Element) -> str:
    """The unit as printed; empty for elements without one."""
    return _UNITS.get(element.unit, element.unit)


def titled(element: Element) -> str:
    """Label and unit, such as "White cell count, ×10⁹/L"."""
    return f"{element.label}, {unit(element)}" if unit(element) else element.label


def absence(element: Element) -> str:
    """What it means when there is no value: a finding was not tested, all else is missing."""
    return "not tested" if element.type is ValueType.FINDING else "missing"


def value(element: Element, code: str) -> str:
    """The label of one permitted value; any other text as it is."""
    return next((v.label for v in element.values if v.code == code), code)


def group(element: Element, code: str) -> str:
    """A group of patients, such as "NPM1 mutated", "FLT3-ITD negative", "female" or "ATRA: yes"."""
    if element.type is ValueType.FINDING:
        gene = element.label.removesuffix(" mutation")
        state = {"positive": "mutated", "negative": "wild type"} if gene != element.label else {}
        return f"{gene} {state.get(code, code)}"
    label = value(element, code)
    return f"{element.label}: {label}" if label in _NEED_A_SUBJECT else label


def coefficient(
    name: str,
    catalogue: Mapping[str, Element],
    references: Mapping[str, str],
    own: Mapping[str, str],
) -> str:
    """A coefficient of a model, such as "Age at diagnosis, per 10 years".

    Args:
        name: as the model names it: ``I(age_at_diagnosis / 10)``, ``NPM1[positive]``.
        catalogue: the elements.
        references: the reference level of each categorical column.
        own: the author's labels, by coefficient name.
    """
    if name in own:
        return own[name]
    return " × ".join(_factor(part, catalogue, references, own) for part in name.split(":"))


def _factor(
    part: str,
    catalogue: Mapping[str, Element],
    references: Mapping[str, str],
    own: Mapping[str, str],
) -> str:
    if part in own:
        return own[part]
    level = re.fullmatch(r"(\w+)\[(.*)\]", part)
    if level and level[1] in catalogue:
        return _level(catalogue[level[1]], level[2], references.get(level[1], ""))
    scaled = re.fullmatch(r"I\((\w+) / ([\d.]+)\)", part)
    if scaled and scaled[1] in catalogue:
        element = catalogue[scaled[1]]
        return f"{element.label}, per {scaled[2]} {unit(element)}".rstrip()
    logged = re.fullmatch(r"(log2|log10|log)\((\w+)\)", part)
    if logged and logged[2] in catalogue:
        return f"{catalogue[logged[2]].label}, {_PER[logged[1]]}"
    if part in catalogue:
        element = catalogue[part]
        per = "year" if element.unit == "a" else f"1 {unit(element)}".rstrip()
        return f"{element.label}, per {per}"
    return part


def _level(element: Element, code: str, reference: str) -> str:
    if element.type is ValueType.FINDING:
        return element.label if code == Finding.POSITIVE else f"{element.label}, {code}"
    against = f" (vs {value(element, reference)})" if reference else ""
    return f"{element.label}, {value(element, code)}{against}"
