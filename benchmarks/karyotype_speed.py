"""Why this exists: a lake of 153,000 patients brings tens of thousands of distinct karyotypes.

This script says how many a processor reads in a second, and how many it reads and asks every rule
of the catalogue, as harmonisation does. It takes the karyotypes of all patients of two real
cohorts, their distinct texts alone, and 10,000 distinct texts made of their clones; before each run
everything that was remembered is forgotten. Times are processor times, the best of several runs,
for other work on the machine disturbs them.

Run it with `python benchmarks/karyotype_speed.py`; add `--profile` to see where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import re
import sys
from collections.abc import Callable, Sequence
from time import process_time

import karyotype_residue as residue
import numpy as np
import polars as pl
from karyotype_agreement import shared_data

import haemony as hm
from haemony.harmonise import cytogenetics
from haemony.harmonise.facts import FACTS
from haemony.harmonise.karyotype import Questions, is_scheme, item, parse, reading

RUNS = 5
WANTED = 10_000
_COUNT = re.compile(r"\[\d+\]$")
_CLONE = re.compile(r"\d\d,[xX][xXyY]?,(?!.*(?:idem|sl|sdl))")


def forget() -> None:
    """Empty everything that reading and asking remember."""
    for remembering in (
        item.read_item,
        reading.read_token,
        reading._read_piece,
        cytogenetics._parsed,
        cytogenetics._answer,
    ):
        remembering.cache_clear()


def recombined(texts: Sequence[str]) -> list[str]:
    """Distinct texts: a clone of a real text, another count, and normal cells beside it."""
    clones = sorted({part for text in texts for part in text.split("/") if _CLONE.match(part)})
    draw = np.random.default_rng(1)
    made: dict[str, None] = {}
    while len(made) < WANTED:
        clone = clones[draw.integers(len(clones))]
        cells, normal = draw.integers(2, 26), draw.integers(1, 21)
        sex = "xx" if "xx" in clone.lower()[:5] else "xy"
        made[f"{_COUNT.sub('', clone)}[{cells}]/46,{sex}[{normal}]"] = None
    return list(made)


def best(run: Callable[[], object]) -> float:
    """The shortest processor time of several runs from a standing start."""
    times = []
    for _ in range(RUNS):
        forget()
        begun = process_time()
        run()
        times.append(process_time() - begun)
    return min(times)


def report(name: str, texts: Sequence[str]) -> list[str]:
    """Texts per second: read; read and asked; through the harmonisation of facts."""
    catalogue = hm.disease("aml").catalogue
    rules = {e.name: e.from_karyotype for e in catalogue.values() if e.from_karyotype}
    asked = {name: rule for name, rule in rules.items() if not is_scheme(rule)}
    stated = pl.DataFrame(
        [(i, "karyotype_iscn", 0, None, text, "f", i, "c") for i, text in enumerate(texts)],
        schema=FACTS,
        orient="row",
    )

    def ask() -> None:
        questions = Questions(asked)
        for text in texts:
            questions.answers(parse(text))

    rates = [
        len(texts) / best(run)
        for run in (
            lambda: [parse(text) for text in texts],
            ask,
            lambda: cytogenetics.findings(stated, catalogue),
        )
    ]
    shapes = len({cytogenetics.shape(text) for text in texts})
    figures = " | ".join(f"{rate:,.0f}" for rate in rates)
    counts = f"{len(texts):,} | {len(set(texts)):,} | {shapes:,}"
    return [f"| {name} | {counts} | {len(asked)} | {figures} |"]


def profile(texts: Sequence[str]) -> None:
    """Print where the time of reading and asking goes."""
    catalogue = hm.disease("aml").catalogue
    reader = cytogenetics.Reading(catalogue)
    forget()
    with cProfile.Profile() as watched:
        for text in texts:
            reader.of(text)
    pstats.Stats(watched).sort_stats("tottime").print_stats(25)


def main() -> int:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    wanted = parser.parse_args()
    folder = shared_data()
    if not all((folder / path).is_file() for path, _ in residue.SOURCES.values()):
        print("the data are not here: set HAEMONY_SHARED_DATA to the directory that holds them")
        return 1
    patients = [text for name in residue.SOURCES for text in residue.read_texts(folder, name)]
    real = sorted(set(patients))
    made = recombined(real)
    if wanted.profile:
        profile(made)
        return 0
    print("| | texts | distinct | shapes | rules | read /s | read and asked /s | harmonised /s |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for name, texts in (
        ("all patients of both cohorts", patients),
        ("their distinct texts", real),
        ("made of real clones", made),
    ):
        print("\n".join(report(name, texts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
