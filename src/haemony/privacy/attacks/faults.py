"""What an attack can refuse, each fault naming its cause and the next step, never a value."""

from __future__ import annotations

from haemony.model.errors import UsageError


class BadAttack(UsageError):
    """An attack cannot be run as it was asked for."""

    def __init__(self, what: str, *, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}; {remedy}")
