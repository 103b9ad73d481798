"""The figures of a report, as Vega-Lite specifications drawn to SVG."""

from haemony.analysis.report.figures.curves import TOGETHER, kaplan_meier
from haemony.analysis.report.figures.drawing import Figure, Sketch
from haemony.analysis.report.figures.forest import forest, horizon
from haemony.analysis.report.figures.hazards import natural_spline, proportional_hazards

__all__ = [
    "TOGETHER",
    "Figure",
    "Sketch",
    "forest",
    "horizon",
    "kaplan_meier",
    "natural_spline",
    "proportional_hazards",
]
