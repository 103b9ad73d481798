"""What pooling can refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from haemony.model.errors import HaemonyError, UsageError


class DifferentEndpoints(UsageError):
    """Sources define the endpoint differently, and nobody said that this is meant."""

    def __init__(self, definitions: Mapping[str, str]) -> None:
        self.definitions = dict(definitions)
        said = "; ".join(f"{source}: {text}" for source, text in definitions.items())
        super().__init__(
            f"the sources do not share one definition of the endpoint ({said}); harmonise it, "
            f"leave sources out, or name why they may be pooled with accept=..."
        )


class UndefinedEndpoint(UsageError):
    """Some sources come without a definition of the endpoint while others have one."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources = tuple(sources)
        super().__init__(
            f"no definition of the endpoint is given for {', '.join(sources)}; give one for each "
            f"source, or for none"
        )


class NothingToPool(HaemonyError):
    """No source or no imputation has an estimate."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}; {remedy}")


class CannotImpute(UsageError):
    """A column cannot be imputed as asked."""

    def __init__(self, column: str, *, reason: str, remedy: str) -> None:
        self.column, self.reason, self.remedy = column, reason, remedy
        super().__init__(f"{column!r} cannot be imputed: it {reason}; {remedy}")
