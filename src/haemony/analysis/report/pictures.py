"""Which figures a report has, block by block."""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis.evidence import Evidence, ModelFound, SurvivalFound
from haemony.analysis.report import figures
from haemony.analysis.report.figures import Figure, Sketch
from haemony.analysis.report.results import Document


@dataclass(frozen=True, slots=True)
class Pictures:
    """The figures of a report.

    Attributes:
        survival: per survival block its curves, and where many groups are compared a ranking.
        models: per model its forest plot and the plot of proportional hazards.
    """

    survival: tuple[tuple[Figure, ...], ...]
    models: tuple[tuple[Figure, ...], ...]

    @property
    def all(self) -> tuple[Figure, ...]:
        """Every figure, in the order of the page."""
        return tuple(figure for block in (*self.survival, *self.models) for figure in block)


def draw(evidence: Evidence, document: Document) -> Pictures:
    """Draw every figure of a study."""
    return Pictures(
        survival=tuple(
            _drawn(_curves(found, result, evidence), evidence)
            for found, result in zip(evidence.survival, document["survival"], strict=True)
        ),
        models=tuple(
            _drawn(_plots(found, result, evidence), evidence)
            for found, result in zip(evidence.models, document["models"], strict=True)
        ),
    )


def _curves(found: SurvivalFound, result: Document, evidence: Evidence) -> list[Sketch]:
    unit, least = evidence.protocol.time_unit, evidence.protocol.minimum_cell
    main = figures.kaplan_meier(found, result, unit, least)
    if len(result["groups"]) <= figures.TOGETHER:
        return [main]
    name = main.name.replace(".svg", "-ranking.svg")
    ranking = figures.horizon(result, found.endpoint.label, unit, name)
    return [main] if ranking is None else [main, ranking]


def _plots(found: ModelFound, result: Document, evidence: Evidence) -> list[Sketch]:
    unit = evidence.protocol.time_unit
    return [figures.forest(result), figures.proportional_hazards(found, result, unit)]


def _drawn(sketches: list[Sketch], evidence: Evidence) -> tuple[Figure, ...]:
    known = evidence.provenance
    source = (
        f"Release {known.release}, manifest {known.manifest}; protocol {known.protocol}; "
        f"haemony {known.haemony}. For research use; not a medical device."
    )
    warning = "In silico: made-up patients" if known.in_silico else ""
    return tuple(sketch.drawn(source, warning=warning) for sketch in sketches)
