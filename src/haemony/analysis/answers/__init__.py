"""Each kind of block of a plan, answered from a cohort.

One module per kind of question; all start from a `Ground`: the cohort with its clocks running, its
named parts, and the words of the catalogue.
"""

from haemony.analysis.answers.competing import find_competing
from haemony.analysis.answers.courses import find_states
from haemony.analysis.answers.exposures import find_landmark, find_time_dependent
from haemony.analysis.answers.findings import find_comutation
from haemony.analysis.answers.ground import Ground
from haemony.analysis.answers.headlines import compare
from haemony.analysis.answers.models import find_model
from haemony.analysis.answers.prediction import find_prediction
from haemony.analysis.answers.subgroups import find_subgroups
from haemony.analysis.answers.survival import (
    find_baseline,
    find_endpoint,
    find_means,
    find_survival,
)
from haemony.analysis.answers.weighted import find_weighted

__all__ = [
    "Ground",
    "compare",
    "find_baseline",
    "find_competing",
    "find_comutation",
    "find_endpoint",
    "find_landmark",
    "find_means",
    "find_model",
    "find_prediction",
    "find_states",
    "find_subgroups",
    "find_survival",
    "find_time_dependent",
    "find_weighted",
]
