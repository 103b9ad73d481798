"""Draft a contribution from files: a first dictionary in which every line awaits a person."""

from haemony.intake.draft.drafting import Draft, DraftedColumn, DraftedTable, draft
from haemony.intake.draft.folder import DraftExists, NamesCollide, write_draft
from haemony.intake.draft.memory import Memory
from haemony.intake.draft.suggest import Suggestion

__all__ = [
    "Draft",
    "DraftExists",
    "DraftedColumn",
    "DraftedTable",
    "Memory",
    "NamesCollide",
    "Suggestion",
    "draft",
    "write_draft",
]
