"""What partners bring: contributions, their dictionaries, and the check that reads every cell."""

from haemony.intake.check import CheckReport, Problem, check
from haemony.intake.contribution import Contribution
from haemony.intake.dictionary import Dictionary, Entry

__all__ = ["CheckReport", "Contribution", "Dictionary", "Entry", "Problem", "check"]
