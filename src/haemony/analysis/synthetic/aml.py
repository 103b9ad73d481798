"""In-silico patients with acute myeloid leukaemia, drawn from published margins.

Every patient first gets a genomic class (Papaemmanuil et al. 2016) and then, given the class, age,
sex, blood counts, mutations, chromosomal abnormalities and a course of the disease. Within a class
the features are independent, but for those named in :mod:`haemony.analysis.synthetic.margins`:
good enough to try a platform on, useless as evidence about leukaemia.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl
from scipy.special import ndtr

from haemony.analysis.synthetic.course import draw_course
from haemony.analysis.synthetic.draws import (
    choice,
    from_quantiles,
    generator,
    happens,
    positions,
    truncated_lognormal,
    truncated_normal,
)
from haemony.analysis.synthetic.karyotypes import compose, draw_abnormalities
from haemony.analysis.synthetic.margins import Floats, Integers, Margins, aml_margins
from haemony.model.errors import UsageError
from haemony.model.tables import rows

YOUNGEST, OLDEST = 18.0, 84.0
"""Ages in years between which adults of the trials lay."""


class TooFewPatients(UsageError):
    """A population without patients."""

    def __init__(self, patients: int) -> None:
        self.patients = patients
        super().__init__(f"{patients} in-silico patients cannot be drawn; ask for 1 or more")


@dataclass(frozen=True)
class Population:
    """In-silico patients, complete: what a partner would not know is withheld later.

    Attributes:
        patients: One row per patient: ``patient`` (position), ``genomic_class``, ``age`` (years),
            ``male``, ``aml_type``, ``ecog``, ``splenomegaly``, blood counts and blasts in the
            catalogue's units, the days and states of the course, ``karyotype_iscn``.
        mutations: One row per patient and mutation: ``patient``, ``mutation``.
        abnormalities: One row per patient and chromosomal abnormality: ``patient``,
            ``abnormality``, ``text``, ``chromosome``, ``change``.
    """

    patients: pl.DataFrame
    mutations: pl.DataFrame
    abnormalities: pl.DataFrame

    def carries(self, *mutations: str) -> pl.Series:
        """Whether each patient has at least one of these mutations."""
        carriers = self.mutations.filter(pl.col("mutation").is_in(mutations))["patient"]
        return self.patients["patient"].is_in(carriers.unique().implode())

    def only(self, kept: pl.Series) -> Population:
        """The patients at these positions, numbered anew in the given order."""
        numbers = pl.DataFrame({"old": kept, "patient": np.arange(kept.len())})

        def renumbered(frame: pl.DataFrame) -> pl.DataFrame:
            old = frame.rename({"patient": "old"})
            found = numbers.join(old, on="old", how="inner", maintain_order="left_right")
            return found.drop("old").select(frame.columns)

        return Population(*map(renumbered, (self.patients, self.mutations, self.abnormalities)))


def draw_aml(
    patients: int, seed: int | np.random.Generator, hazard: Floats | float = 1.0
) -> Population:
    """Draw in-silico adults with acute myeloid leukaemia.

    Args:
        patients: How many.
        seed: Whole number from which everything follows, or a generator.
        hazard: Factor on the hazards of relapse and death, one for all or one per patient.

    Raises:
        TooFewPatients: When fewer than one is asked for.

    Example:
        >>> population = draw_aml(100, seed=1)
        >>> population.patients.height, population.patients["male"].dtype
        (100, Boolean)
    """
    if patients < 1:
        raise TooFewPatients(patients)
    rng = seed if isinstance(seed, np.random.Generator) else generator(seed)
    margins = aml_margins()
    _, shares = margins.shares("class patients")
    classes = positions(rng, patients, shares)
    male = happens(rng, margins.by_class("male share")[classes], patients)
    age = _ages(rng, classes, margins)
    abnormalities = draw_abnormalities(rng, classes, male, margins)
    course = draw_course(
        rng, classes, age, np.broadcast_to(np.asarray(hazard, dtype=np.float64), age.shape), margins
    )
    described = pl.DataFrame(
        {
            "patient": np.arange(patients),
            "genomic_class": np.array(margins.classes)[classes],
            "age": np.floor(age),
            "male": male,
            **_clinic(rng, patients, margins),
            **_laboratory(rng, classes, margins),
            "karyotype_iscn": compose(rng, abnormalities, male, margins),
        }
    )
    return Population(
        pl.concat([described, course], how="horizontal"),
        _mutations(rng, classes, margins),
        abnormalities,
    )


def _ages(rng: np.random.Generator, classes: Integers, margins: Margins) -> Floats:
    median = margins.by_class("age median (a)")[classes] + 0.5
    sd = margins.by_class("age sd (a)")[classes]
    return truncated_normal(rng.random(classes.size), median, sd, YOUNGEST, OLDEST)


def _clinic(rng: np.random.Generator, size: int, margins: Margins) -> dict[str, pl.Series]:
    types, ecog = margins.shares("aml type patients"), margins.shares("ecog patients")
    return {
        "aml_type": pl.Series(choice(rng, size, *types)),
        "ecog": pl.Series(choice(rng, size, *ecog)),
        "splenomegaly": pl.Series(happens(rng, margins.one("splenomegaly share"), size)),
    }


def _laboratory(
    rng: np.random.Generator, classes: Integers, margins: Margins
) -> dict[str, pl.Series]:
    """Blood counts (10*9/L), haemoglobin (g/dL), LDH (U/L) and blasts (%)."""
    size = classes.size
    shared = truncated_normal(rng.random(size), 0.0, 1.0, -4, 4)
    median = margins.by_class("wbc median (10*9/L)")[classes]
    white = np.exp(np.log(median) + margins.one("wbc log sd within class") * shared)
    tie = margins.one("log wbc, log ldh correlation")
    own = truncated_normal(rng.random(size), 0.0, 1.0, -4, 4)
    level = ndtr(tie * shared + np.sqrt(1 - tie**2) * own)

    def lognormal(uniform: Floats, name: str, low: float, high: float) -> Floats:
        known = (margins.one(f"{name} median"), margins.one(f"{name} log sd"))
        return truncated_lognormal(uniform, *known, low, high)

    def blasts(where: str) -> pl.Series:
        quantiles = margins.of(f"{where} blasts (%) quantile")
        return pl.Series(np.rint(from_quantiles(rng.random(size), quantiles, 0, 100)))

    return {
        "wbc": pl.Series(np.round(np.clip(white, 0.2, 533), 1)),
        "haemoglobin": pl.Series(
            np.round(lognormal(rng.random(size), "haemoglobin (g/dL)", 2.5, 17.6), 1)
        ),
        "platelets": pl.Series(np.rint(lognormal(rng.random(size), "platelets (10*9/L)", 2, 916))),
        "ldh": pl.Series(np.rint(lognormal(level, "ldh (U/L)", 83, 7627))),
        "marrow_blasts": blasts("marrow"),
        "blood_blasts": blasts("blood"),
    }


def _mutations(rng: np.random.Generator, classes: Integers, margins: Margins) -> pl.DataFrame:
    found = []
    for name in margins.starting("mutation "):
        share = margins.by_class(f"mutation {name}")[classes]
        carriers = np.flatnonzero(happens(rng, share, classes.size))
        found.append(
            pl.DataFrame({"patient": carriers}, schema={"patient": pl.Int64}).with_columns(
                mutation=pl.lit(name)
            )
        )
    return pl.concat(found).sort("patient", "mutation")


@cache
def _variants() -> pl.DataFrame:
    read = [row for _, row in rows(files("haemony.analysis.synthetic") / "aml_variants.csv")]
    return pl.DataFrame(read).with_columns(pl.col("weight").cast(pl.Float64))


def sequenced_genes() -> tuple[str, ...]:
    """The genes that mutations are drawn in, by approved symbol."""
    return tuple(_variants()["gene"].unique().sort())


def call_variants(population: Population, rng: np.random.Generator) -> pl.DataFrame:
    """Write mutations as a sequencing laboratory would: one row per call.

    Args:
        population: In-silico patients.
        rng: Where random numbers come from.

    Returns:
        ``patient``, ``gene``, ``type``, ``consequence``, ``coding`` and ``protein`` (HGVS),
        ``chromosome``, ``vaf`` (%) and ``depth`` (reads). Known hot spots are written as such; all
        other truncating variants get a made-up place.
    """
    margins = aml_margins()
    parts = []
    for name in margins.starting("mutation "):
        carriers = population.mutations.filter(pl.col("mutation") == name)["patient"]
        if name == "CEBPA_biallelic":
            carriers = pl.concat([carriers, carriers]).sort()
        ways = _variants().filter(pl.col("mutation") == name)
        picked = positions(rng, carriers.len(), ways["weight"].to_numpy())
        parts.append(ways.drop("mutation", "weight")[picked].with_columns(patient=carriers))
    calls = pl.concat(parts)
    size = calls.height
    fraction = truncated_normal(
        rng.random(size),
        margins.one("allele fraction (%) mean"),
        margins.one("allele fraction (%) sd"),
        1,
        99,
    )
    depth = truncated_lognormal(
        rng.random(size), margins.one("depth median"), margins.one("depth log sd"), 20, 1001
    )
    place = pl.Series(rng.integers(20, 200, size))
    made_up = (pl.col("coding") == "") & (pl.col("consequence") == "nonsense")
    written = calls.with_columns(
        pl.when(made_up)
        .then(pl.format("c.{}C>T", place * 3 - 2))
        .otherwise("coding")
        .alias("coding"),
        pl.when(made_up).then(pl.format("p.Q{}*", place)).otherwise("protein").alias("protein"),
        vaf=pl.Series(np.round(fraction, 1)),
        depth=pl.Series(np.rint(depth)).cast(pl.Int64),
    )
    return written.sort("patient", "gene", "coding", maintain_order=True)


def withhold(
    rng: np.random.Generator, frame: pl.DataFrame, shares: dict[str, float]
) -> pl.DataFrame:
    """Make some values unknown, as in real files.

    Args:
        rng: Where random numbers come from.
        frame: Complete values.
        shares: Share of values to withhold, by column.
    """
    gaps = {name: pl.Series(happens(rng, share, frame.height)) for name, share in shares.items()}
    return frame.with_columns(
        pl.when(~gap).then(pl.col(name)).alias(name) for name, gap in gaps.items()
    )


def measured_gaps() -> dict[str, float]:
    """The published share of missing values of each measurement."""
    return dict(aml_margins().of("missing share"))
