"""Attacks that are made on a release before it leaves: singling out, linkability, inference.

They follow the framework of Giomi, Boenisch, Wehmeyer, Tasnádi 2023 (PoPETs 2023(2):312-328,
doi:10.56553/popets-2023-0055): each attack is made on people whose rows were released and on a
control whose rows were not, and only the excess of the first rate over the second counts.
"""

from haemony.privacy.attacks.columns import Categorical, Column, Generalised, Numeric
from haemony.privacy.attacks.inference import inference
from haemony.privacy.attacks.linkability import linkability
from haemony.privacy.attacks.outcome import (
    Attack,
    Excess,
    Interval,
    Outcome,
    Rate,
    Verdict,
    outcome_table,
    ratio_interval,
)
from haemony.privacy.attacks.rehearsal import Rehearsal, halves
from haemony.privacy.attacks.singling import Predicates, singling_out

__all__ = [
    "Attack",
    "Categorical",
    "Column",
    "Excess",
    "Generalised",
    "Interval",
    "Numeric",
    "Outcome",
    "Predicates",
    "Rate",
    "Rehearsal",
    "Verdict",
    "halves",
    "inference",
    "linkability",
    "outcome_table",
    "ratio_interval",
    "singling_out",
]
