"""What a multi-state analysis can refuse, each fault naming its cause and the next step."""

from __future__ import annotations

from haemony.analysis.survival.faults import BadResponse


class BadScheme(BadResponse):
    """States and transitions do not make a scheme, or a scheme lacks what is asked of it."""

    def __init__(self, scheme: str, reason: str) -> None:
        self.scheme = scheme
        super().__init__(
            f"in the scheme {scheme!r}: {reason}",
            remedy='write one line per state, like "remission -> relapse, dead"',
        )


class BadHistory(BadResponse):
    """A table does not say who was in which state when."""
