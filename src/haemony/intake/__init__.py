"""What partners bring: contributions, their dictionaries, and the check that reads every cell."""

from haemony.intake.check import CheckReport, check
from haemony.intake.contribution import Contribution
from haemony.intake.dictionary import Dictionary, Entry
from haemony.intake.problems import Problem

__all__ = ["CheckReport", "Contribution", "Dictionary", "Entry", "Problem", "check"]
