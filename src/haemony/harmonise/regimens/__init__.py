"""From rows of drugs to lines of treatment and the regimens in them, by rules that can be read.

Nobody writes *second line* into a drug table; it is inferred. So every line says what it was
inferred from, and every row of a drug is in exactly one line or listed with the reason why not.
"""

from haemony.harmonise.regimens.course import LINES, PLACED, UNASSIGNED, Courses, lines_of
from haemony.harmonise.regimens.table import Ingredient, Regimen, Role, ingredients, regimens

__all__ = [
    "LINES",
    "PLACED",
    "UNASSIGNED",
    "Courses",
    "Ingredient",
    "Regimen",
    "Role",
    "ingredients",
    "lines_of",
    "regimens",
]
