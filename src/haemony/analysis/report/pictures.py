"""Which figures a report has, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from haemony.analysis.evidence import Evidence, ModelFound, StatesFound, SurvivalFound
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report import figures
from haemony.analysis.report.figures import Figure, Sketch, states
from haemony.analysis.report.values import Document


@dataclass(frozen=True, slots=True)
class Pictures:
    """The figures of a report.

    Attributes:
        survival: per survival block its curves, and where many groups are compared a ranking.
        competing: per block of competing risks its incidences, unless there are many groups.
        models: per model its forest plot and the plot of proportional hazards.
        landmarks: per landmark its curves.
        time_dependent: per exposure its two estimates.
        subgroups: per subgroup analysis its forest plot.
        states: per course the drawing of its ways, then the shares of each group over time.
    """

    survival: tuple[tuple[Figure, ...], ...]
    competing: tuple[tuple[Figure, ...], ...]
    models: tuple[tuple[Figure, ...], ...]
    landmarks: tuple[tuple[Figure, ...], ...]
    time_dependent: tuple[tuple[Figure, ...], ...]
    subgroups: tuple[tuple[Figure, ...], ...]
    states: tuple[tuple[Figure, ...], ...]

    @property
    def all(self) -> tuple[Figure, ...]:
        """Every figure, in the order of the page."""
        blocks = (
            *self.survival,
            *self.competing,
            *self.models,
            *self.landmarks,
            *self.time_dependent,
            *self.subgroups,
            *self.states,
        )
        return tuple(figure for block in blocks for figure in block)


def draw(evidence: Evidence, document: Document) -> Pictures:
    """Draw every figure of a study."""
    unit, least = evidence.protocol.time_unit, evidence.protocol.minimum_cell

    def drawn(sketches: Iterable[Sketch | None]) -> tuple[Figure, ...]:
        return _drawn([sketch for sketch in sketches if sketch], evidence)

    return Pictures(
        survival=tuple(
            drawn(_curves(found, result, evidence))
            for found, result in zip(evidence.survival, document["survival"], strict=True)
        ),
        competing=tuple(
            drawn([figures.incidence(found, result, unit, least)])
            for found, result in zip(evidence.competing, document["competing_risks"], strict=True)
        ),
        models=tuple(
            drawn(_plots(found, result, evidence))
            for found, result in zip(evidence.models, document["models"], strict=True)
        ),
        landmarks=tuple(
            drawn([figures.from_landmark(found, result, unit, least)])
            for found, result in zip(evidence.landmarks, document["landmarks"], strict=True)
        ),
        time_dependent=tuple(
            drawn([figures.exposures(result)]) for result in document["time_dependent"]
        ),
        subgroups=tuple(drawn([figures.subgroups(result)]) for result in document["subgroups"]),
        states=tuple(
            drawn(_states(found, result, unit, least))
            for found, result in zip(evidence.states, document["states"], strict=True)
        ),
    )


def _states(found: StatesFound, result: Document, unit: TimeUnit, least: int) -> Iterator[Sketch]:
    """The ways of a course, and the shares of each group that is large enough."""
    paths = iter(result["figures"]["shares"])
    course = result["figures"]["course"].removeprefix("figures/")
    yield states.diagram(found.scheme, found.events, course, least=least)
    until = found.block.until or max(found.block.at, default=5.0)
    for curve, group in zip(found.occupation.curves, result["groups"], strict=True):
        if not isinstance(group["n"], int):
            continue
        table = found.occupation.table().filter(pl.col("group") == curve.group)
        name = next(paths).removeprefix("figures/")
        title = "" if group["label"] == "all" else group["label"]
        yield states.stacked(table, found.scheme, unit, name, until=until, title=title)


def _curves(found: SurvivalFound, result: Document, evidence: Evidence) -> list[Sketch]:
    unit, least = evidence.protocol.time_unit, evidence.protocol.minimum_cell
    main = figures.kaplan_meier(found, result, unit, least)
    if len(result["groups"]) <= figures.TOGETHER:
        return [main]
    name = main.name.replace(".svg", "-ranking.svg")
    ranking = figures.horizon(result, found.clock.label, unit, name)
    return [main] if ranking is None else [main, ranking]


def _plots(found: ModelFound, result: Document, evidence: Evidence) -> list[Sketch]:
    unit = evidence.protocol.time_unit
    if found.residuals is None:
        return [figures.forest(result)]
    trends = figures.proportional_hazards(found, found.residuals, result, unit)
    return [figures.forest(result), trends]


def _drawn(sketches: list[Sketch], evidence: Evidence) -> tuple[Figure, ...]:
    known = evidence.provenance
    source = (
        f"Release {known.release}, manifest {known.manifest}; protocol {known.protocol}; "
        f"haemony {known.haemony}. For research use; not a medical device."
    )
    warning = "In silico: made-up patients" if known.in_silico else ""
    return tuple(sketch.drawn(source, warning=warning) for sketch in sketches)
