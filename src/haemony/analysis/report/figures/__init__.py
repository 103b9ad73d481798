"""The figures of a report, as Vega-Lite specifications drawn to SVG."""

from haemony.analysis.report.figures.curves import TOGETHER, from_landmark, kaplan_meier
from haemony.analysis.report.figures.drawing import Figure, Sketch
from haemony.analysis.report.figures.forest import exposures, forest, horizon, subgroups
from haemony.analysis.report.figures.hazards import natural_spline, proportional_hazards
from haemony.analysis.report.figures.incidence import incidence

__all__ = [
    "TOGETHER",
    "Figure",
    "Sketch",
    "exposures",
    "forest",
    "from_landmark",
    "horizon",
    "incidence",
    "kaplan_meier",
    "natural_spline",
    "proportional_hazards",
    "subgroups",
]
