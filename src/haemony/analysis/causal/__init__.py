"""Effects of treatments that nobody drew lots for, with the usual traps closed.

Propensity scores, weights, weighted curves and models, standardisation, doubly robust estimates and
matching for treatments that begin at time zero; target trials for treatments that begin later, such
as a transplant. The comparison of "ever" with "never" treated exists as `naive_ever_exposed` alone.

>>> import polars as pl
>>> from haemony.analysis import causal
>>> table = pl.DataFrame({"days": [30, 400, 500, 90, 700, 200], "died": [1, 1, 0, 1, 0, 1],
...     "day": [None, 120, 90, None, 60, None]})
>>> trial = causal.Trial("remission", "days", "died", "day", exposure="transplant")
>>> causal.naive_ever_exposed(trial, table).notes[0][:48]
'immortal time: 3 of 3 exposed patients were expo'
"""

from haemony.analysis.causal.averages import Averages
from haemony.analysis.causal.cloning import clone_censor_weight
from haemony.analysis.causal.contrasts import survival_difference
from haemony.analysis.causal.designs import (
    landmark,
    naive_ever_exposed,
    sequential_trials,
    time_dependent,
)
from haemony.analysis.causal.doubly_robust import doubly_robust
from haemony.analysis.causal.effects import Effect, side_by_side
from haemony.analysis.causal.evalue import EValue, e_value
from haemony.analysis.causal.faults import LooksAhead, NobodyLeft, NoOverlap
from haemony.analysis.causal.immortal import ImmortalTime, immortal_time
from haemony.analysis.causal.iptw import Iptw, IptwCox, IptwCurves, iptw, iptw_cox, iptw_curves
from haemony.analysis.causal.matching import Matched, match
from haemony.analysis.causal.propensity import (
    TARGETS,
    Balance,
    Overlap,
    Propensity,
    Weights,
    effective_size,
    propensity,
)
from haemony.analysis.causal.standardise import standardise
from haemony.analysis.causal.trial import Trial

__all__ = [
    "TARGETS",
    "Averages",
    "Balance",
    "EValue",
    "Effect",
    "ImmortalTime",
    "Iptw",
    "IptwCox",
    "IptwCurves",
    "LooksAhead",
    "Matched",
    "NoOverlap",
    "NobodyLeft",
    "Overlap",
    "Propensity",
    "Trial",
    "Weights",
    "clone_censor_weight",
    "doubly_robust",
    "e_value",
    "effective_size",
    "immortal_time",
    "iptw",
    "iptw_cox",
    "iptw_curves",
    "landmark",
    "match",
    "naive_ever_exposed",
    "propensity",
    "sequential_trials",
    "side_by_side",
    "standardise",
    "survival_difference",
    "time_dependent",
]
