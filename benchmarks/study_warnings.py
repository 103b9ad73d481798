"""How often each warning fires in studies that deserve it, and in the same studies that do not.

Small cohorts in silico, drawn anew for each run; a pair of studies per warning, alike but for what
the warning is about. Tests at the 5 % level fire in about 5 % of studies that do not deserve it.

    python benchmarks/study_warnings.py [RUNS]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from haemony import study
from haemony.analysis.evidence import Doubt
from haemony.model.disease import Disease, disease

HEAD = 'title = "T"\nquestion = "Q"\nseed = 1\n'
COX = '[[cox]]\ntitle = "M"\nendpoint = "os"\nformula = "{}"\n'
CURVES = '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\nby = ["{}"]\nat = [{}]\n'
LANDMARK = (
    '[[landmark]]\ntitle = "L"\nendpoint = "os"\nexposure = "transplant_day"\nday = 183\n'
    'adjust = "{}"\nat = [1]\n'
)
COHORT = '[[cohort]]\nlabel = "C"\nelement = "{}"\n{}\n'
WEIGHTED = (
    '[[weighted]]\ntitle = "W"\nendpoint = "os"\nby = "study"\nat = [1]\n'
    'given = "age_at_diagnosis"\n'
)
FINDING = pl.Enum(["negative", "positive"])


@dataclass(frozen=True)
class Source:
    """A contribution in silico."""

    id: str = "trial"
    patients: int = 0
    level: int = 3
    facts: Mapping[str, Any] = field(
        default_factory=lambda: {"title": "T", "origin": "diagnosis", "disease": "aml"}
    )


@dataclass(frozen=True)
class Manifest:
    """What identifies the release."""

    members: Sequence[Source] = (Source(),)
    sha256: str = "a" * 64
    content: str = "b" * 64


@dataclass(frozen=True)
class Release:
    """A release that is one table."""

    table: pl.DataFrame
    number: int = 1
    manifest: Manifest = field(default_factory=Manifest)
    disease: Disease = field(default_factory=lambda: disease("aml"))

    def features(self, names: Sequence[str]) -> pl.DataFrame:
        """The columns asked for; those that the table lacks are unknown."""
        lacking = [pl.lit(None).alias(name) for name in names if name not in self.table.columns]
        numbered = self.table.with_columns(lacking).with_row_index("person_id")
        return numbered.select("person_id", *names)

    def owners(self) -> pl.DataFrame:
        """Everybody came with the one contribution."""
        return self.table.with_row_index("person_id").select("person_id", owner=pl.lit("trial"))


def cohort(draw: np.random.Generator, n: int = 300) -> pl.DataFrame:
    """Patients whose survival goes with age; half have NPM1 mutated, some a transplant."""
    age = draw.uniform(20, 80, n)
    days = np.ceil(draw.exponential(900 * np.exp(-(age - 50) / 40)))
    ends = np.ceil(draw.uniform(800, 3000, n))
    seen = np.minimum(days, ends)
    transplant = np.ceil(draw.uniform(50, 400, n))
    remission = np.ceil(draw.uniform(20, 80, n))
    return pl.DataFrame(
        {
            "age_at_diagnosis": age,
            "study": draw.choice(["A", "B"], n),
            "NPM1": draw.choice(["negative", "positive"], n),
            "FLT3_ITD": draw.choice(["negative", "positive"], n),
            "ecog": draw.choice(["0", "1"], n),
            "transplant_day": np.where((draw.random(n) < 0.5) & (transplant < seen), transplant, 0),
            "complete_remission_day": np.where(remission < seen, remission, 0),
            "os_days": seen,
            "os_event": days <= ends,
        },
        schema_overrides={"NPM1": FINDING, "FLT3_ITD": FINDING},
    ).with_columns(pl.col("transplant_day", "complete_remission_day").replace(0.0, None))


Change = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]


def same(table: pl.DataFrame, _draw: np.random.Generator) -> pl.DataFrame:
    """The cohort as it is."""
    return table


def turning(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """NPM1 trebles the hazard in the first year and cuts it to a third later."""
    mutated = (table["NPM1"] == "positive").to_numpy()
    early, late = np.where(mutated, 3.0, 1.0) / 900, np.where(mutated, 1 / 3, 1.0) / 900
    hazard = draw.exponential(1, table.height)
    days = np.where(hazard < early * 365, hazard / early, 365 + (hazard - early * 365) / late)
    return table.with_columns(
        os_days=np.ceil(np.minimum(days, 2000)), os_event=pl.Series(days <= 2000)
    )


def unharmed(table: pl.DataFrame, _draw: np.random.Generator) -> pl.DataFrame:
    """Nobody with NPM1 mutated dies."""
    return table.with_columns(os_event=pl.col("os_event") & (pl.col("NPM1") == "negative"))


def gaps(table: pl.DataFrame, draw: np.random.Generator, *, sick: bool) -> pl.DataFrame:
    """NPM1 is missing in 8 %: at random, or in those who die first."""
    order = table["os_days"].rank("ordinal").to_numpy() if sick else draw.permutation(table.height)
    tested = pl.Series(order > 0.08 * table.height)
    return table.with_columns(NPM1=pl.when(tested).then("NPM1"))


def random_gaps(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """Missing at random in 8 %."""
    return gaps(table, draw, sick=False)


def telling_gaps(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """Missing in those 8 % who die or leave first."""
    return gaps(table, draw, sick=True)


def rare(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """Six patients of a third performance status."""
    few = pl.Series(draw.permutation(table.height) < 6)
    return table.with_columns(ecog=pl.when(few).then(pl.lit("4")).otherwise("ecog"))


def small(table: pl.DataFrame, _draw: np.random.Generator) -> pl.DataFrame:
    """Twenty patients."""
    return table.head(20)


def uneven(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """One group is 5 % of the patients, whatever their age."""
    few = pl.Series(draw.random(table.height) < 0.05)
    return table.with_columns(study=pl.when(few).then(pl.lit("A")).otherwise(pl.lit("B")))


def old_and_young(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """One group is old, the other young, but for a few years between."""
    edge = pl.Series(50 + draw.normal(0, 2, table.height))
    return table.with_columns(
        study=pl.when(pl.col("age_at_diagnosis") > edge).then(pl.lit("A")).otherwise(pl.lit("B"))
    )


def unknown(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """Survival is unknown of a fifth."""
    known = pl.Series(draw.random(table.height) > 0.2)
    return table.with_columns(
        os_days=pl.when(known).then("os_days"), os_event=pl.when(known).then("os_event")
    )


def late_remission(table: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """A tenth reach their remission after day 183."""
    late = pl.Series(draw.random(table.height) < 0.1)
    return table.with_columns(
        complete_remission_day=pl.when(late).then(200.0).otherwise(pl.col("complete_remission_day"))
    )


@dataclass(frozen=True)
class Pair:
    """A study that deserves a warning, and one that does not."""

    doubt: Doubt
    about: str
    deserves: tuple[str, Change]
    not_so: tuple[str, Change]


ADULTS = COHORT.format("age_at_diagnosis", "at_least = 18")
SUBGROUPS = '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "NPM1"\nwithin = [{}]\n'
PAIRS = (
    Pair(
        Doubt.IMMORTAL_TIME,
        "a transplant as a covariate of day 0",
        (COX.format("age_at_diagnosis + transplant_day"), same),
        (COX.format("age_at_diagnosis + NPM1"), same),
    ),
    Pair(
        Doubt.IMMORTAL_TIME,
        "a cohort selected by transplant",
        (COHORT.format("transplant_day", "known = true") + COX.format("age_at_diagnosis"), same),
        (ADULTS + COX.format("age_at_diagnosis"), same),
    ),
    Pair(
        Doubt.IMMORTAL_TIME,
        "a cohort of patients who lived 30 days",
        (COHORT.format("os_days", "at_least = 30") + COX.format("age_at_diagnosis"), same),
        (COHORT.format("os_days", "known = true") + COX.format("age_at_diagnosis"), same),
    ),
    Pair(
        Doubt.IMMORTAL_TIME,
        "a landmark adjusted for remission",
        (LANDMARK.format("complete_remission_day"), late_remission),
        (LANDMARK.format("complete_remission_day"), same),
    ),
    Pair(
        Doubt.FEW_EVENTS,
        "20 patients or 300, 3 coefficients",
        (COX.format("age_at_diagnosis + NPM1 + FLT3_ITD"), small),
        (COX.format("age_at_diagnosis + NPM1 + FLT3_ITD"), same),
    ),
    Pair(
        Doubt.HAZARDS,
        "hazard ratio 3, then 1/3; or none",
        (COX.format("NPM1"), turning),
        (COX.format("NPM1"), same),
    ),
    Pair(
        Doubt.SEPARATION,
        "a group without events",
        (COX.format("NPM1 + age_at_diagnosis"), unharmed),
        (COX.format("NPM1 + age_at_diagnosis"), same),
    ),
    Pair(
        Doubt.MISSING,
        "8 % untested: the sickest, or at random",
        (COX.format("NPM1"), telling_gaps),
        (COX.format("NPM1"), random_gaps),
    ),
    Pair(
        Doubt.MISSING,
        "survival unknown of a fifth, or of nobody",
        (COX.format("age_at_diagnosis"), unknown),
        (COX.format("age_at_diagnosis"), same),
    ),
    Pair(
        Doubt.MULTIPLE,
        "three tests of interaction, or one",
        (SUBGROUPS.format('"FLT3_ITD", "ecog", "study"'), same),
        (SUBGROUPS.format('"FLT3_ITD"'), same),
    ),
    Pair(
        Doubt.TINY,
        "a group of six, or none",
        (CURVES.format("ecog", "1"), rare),
        (CURVES.format("ecog", "1"), same),
    ),
    Pair(
        Doubt.EXTRAPOLATION,
        "survival at 20 years, or at one",
        (CURVES.format("NPM1", "20"), same),
        (CURVES.format("NPM1", "1"), same),
    ),
    Pair(
        Doubt.OVERLAP,
        "old beside young, or 5 % beside 95 % alike",
        (WEIGHTED, old_and_young),
        (WEIGHTED, uneven),
    ),
)


def fires(text: str, change: Change, doubt: Doubt, seed: int) -> bool:
    """Whether a study of one cohort has the warning."""
    draw = np.random.default_rng(seed)
    table = change(cohort(draw), draw)
    found = study.run(study.parse(HEAD + text), Release(table)).cautions
    return any(caution.doubt is doubt for caution in found)


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print("| warning | studies | fires, deserved | fires, not deserved |\n|---|---|---|---|")
    for pair in PAIRS:
        counts = [
            sum(fires(*study_of, pair.doubt, seed) for seed in range(runs))
            for study_of in (pair.deserves, pair.not_so)
        ]
        rates = " | ".join(f"{count} of {runs}" for count in counts)
        print(f"| {pair.doubt} | {pair.about} | {rates} |", flush=True)


if __name__ == "__main__":
    main()
