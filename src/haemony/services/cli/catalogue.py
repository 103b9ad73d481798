"""``haemony elements`` and ``haemony karyotype``: what haemony knows without any data."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from haemony.harmonise import karyotype as karyotypes
from haemony.model.disease import disease
from haemony.model.element import Catalogue
from haemony.services.cli.output import JsonFlag, Output


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(epilog="Example: haemony elements FLT3")(elements)
    app.command(epilog='Example: haemony karyotype "46,XX,t(8;21)(q22;q22)[18]/46,XX[2]"')(
        karyotype
    )


def elements(
    search: Annotated[str, typer.Argument(help="Part of a name or label.")] = "",
    code: Annotated[str, typer.Option("--disease", help="Code of the disease.")] = "aml",
    json: JsonFlag = False,
) -> None:
    """List the elements a dictionary may map to."""
    output = Output(json)
    wanted = search.lower()
    found = [e for e in disease(code).catalogue.values() if wanted in f"{e.name} {e.label}".lower()]
    rows = [(e.name, e.label, e.type.value, e.unit or ", ".join(e.codes)) for e in found]
    output.table(f"Elements of {code}", ("element", "label", "type", "unit or values"), rows)
    keys = ("element", "label", "type", "unit_or_values")
    output.value([dict(zip(keys, row, strict=True)) for row in rows])


def karyotype(
    text: Annotated[str, typer.Argument(help="A karyotype in ISCN.")],
    code: Annotated[str, typer.Option("--disease", help="Code of the disease.")] = "aml",
    json: JsonFlag = False,
) -> None:
    """Read a karyotype: clones, abnormalities, and the findings and groups of a disease."""
    output = Output(json)
    parsed = karyotypes.parse(text)
    answers, groups = _asked(parsed, disease(code).catalogue)
    output.say(f"[bold]{parsed.state.value}[/]")
    clones = [
        (
            index + 1,
            clone.cells or "",
            clone.sex,
            ", ".join(a.text for a in clone.abnormalities) or "none",
        )
        for index, clone in enumerate(parsed.clones)
    ]
    output.table("Clones", ("clone", "cells", "sex", "abnormalities"), clones)
    positive = [(label,) for label, answer in answers.items() if answer]
    output.table("Findings", ("positive",), positive)
    output.table("Groups by karyotype", ("classification", "group"), list(groups.items()))
    for note in parsed.notes:
        output.say(f"[dim]{note}[/]")
    for piece in parsed.residue:
        output.say(f"[dim]not understood: {escape(piece)}[/]")
    output.value(
        {
            "state": parsed.state.value,
            "iscn": karyotypes.to_iscn(parsed),
            "clones": [
                {"cells": c.cells, "sex": c.sex, "abnormalities": [a.text for a in c.abnormalities]}
                for c in parsed.clones
            ],
            "findings": {
                label: None if a is None else ("positive" if a else "negative")
                for label, a in answers.items()
            },
            "groups": groups,
            "in_situ": list(parsed.in_situ),
            "arrays": list(parsed.arrays),
            "residue": list(parsed.residue),
            "notes": list(parsed.notes),
        }
    )


def _asked(
    parsed: karyotypes.Karyotype, catalogue: Catalogue
) -> tuple[dict[str, bool | None], dict[str, str]]:
    """The answer to every rule of a catalogue, and the group by every scheme, told or open."""
    rules = {e.label: e.from_karyotype for e in catalogue.values() if e.from_karyotype}
    answers = {
        label: karyotypes.matches(rule, parsed)
        for label, rule in rules.items()
        if not karyotypes.is_scheme(rule)
    }
    groups = {name: known.group_of(parsed) or "open" for name, known in karyotypes.SCHEMES.items()}
    return answers, groups
