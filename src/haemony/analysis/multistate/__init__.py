"""Multi-state models: who is where in the course of a disease, and where they go next.

From tables to histories, from histories to the share in each state (Aalen–Johansen), transition
probabilities from any state and time, transition-specific Cox models, predictions for one patient,
and expected lengths of stay.

>>> import polars as pl
>>> from haemony.analysis import multistate
>>> table = pl.DataFrame({
...     "remission_day": [30, 41, None, 28], "relapse_day": [200, None, None, None],
...     "last_day": [420, 900, 15, 610], "died": [1, 0, 1, 1],
... })
>>> moments = [
...     multistate.Moment("remission", "remission_day"),
...     multistate.Moment("relapse", "relapse_day"),
...     multistate.Moment("death", "last_day", multistate.AML_COURSE.absorbing, status="died"),
... ]
>>> told = multistate.histories(table, multistate.AML_COURSE, moments, until="last_day")
>>> multistate.occupation(told).at(365).filter(pl.col("probability") > 0)["probability"].to_list()
[0.5, 0.25, 0.25]
"""

from haemony.analysis.multistate.courses import (
    COURSE,
    COURSE_WITH_TRANSPLANT,
    Elsewhere,
    Moment,
    histories,
)
from haemony.analysis.multistate.faults import BadHistory, BadScheme
from haemony.analysis.multistate.fitting import markov_test, transition_cox
from haemony.analysis.multistate.hazards import Hazards, hazards
from haemony.analysis.multistate.histories import Histories, SameTime
from haemony.analysis.multistate.models import Clock, TransitionCox
from haemony.analysis.multistate.occupation import Occupation, StateOccupation, occupation
from haemony.analysis.multistate.rows import histories_from_rows
from haemony.analysis.multistate.scheme import (
    AML_COURSE,
    AML_TRANSPLANT,
    ILLNESS_DEATH,
    PLASMA_CELL,
    PLATELET_RECOVERY,
    Scheme,
    Transition,
)
from haemony.analysis.multistate.simulation import SimulatedPrediction, simulate
from haemony.analysis.multistate.transitions import (
    TransitionProbabilities,
    transition_probabilities,
)

__all__ = [
    "AML_COURSE",
    "AML_TRANSPLANT",
    "COURSE",
    "COURSE_WITH_TRANSPLANT",
    "ILLNESS_DEATH",
    "PLASMA_CELL",
    "PLATELET_RECOVERY",
    "BadHistory",
    "BadScheme",
    "Clock",
    "Elsewhere",
    "Hazards",
    "Histories",
    "Moment",
    "Occupation",
    "SameTime",
    "Scheme",
    "SimulatedPrediction",
    "StateOccupation",
    "Transition",
    "TransitionCox",
    "TransitionProbabilities",
    "hazards",
    "histories",
    "histories_from_rows",
    "markov_test",
    "occupation",
    "simulate",
    "transition_cox",
    "transition_probabilities",
]
