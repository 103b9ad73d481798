"""The way back from OMOP: a partner's own CDM becomes an ordinary contribution.

The same elements that write the lake say what is read: a concept that an element bears becomes a
column that feeds it, and everything else is listed with its count, never bent into something near.
"""

from haemony.harmonise.from_omop.day_zero import DayZero
from haemony.harmonise.from_omop.folder import About, FolderTaken, write_contribution
from haemony.harmonise.from_omop.rewrite import Rewritten, rewrite

__all__ = ["About", "DayZero", "FolderTaken", "Rewritten", "rewrite", "write_contribution"]
