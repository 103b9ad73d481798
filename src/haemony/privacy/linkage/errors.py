"""How record linkage refuses; no message carries a name, a date or key material."""

from __future__ import annotations

from haemony.model.errors import HaemonyError, UsageError


class WeakLinkageKey(UsageError):
    """A linkage key that is too short to be one."""

    def __init__(self, size: int, least: int) -> None:
        self.size, self.least = size, least
        super().__init__(
            f"the linkage key has {size} bytes and needs {least} or more, drawn at random; "
            "`LinkageKey.draw()` makes one, which all partners of the linkage then share"
        )


class UnreadableBirthDate(HaemonyError):
    """A date of birth in no form that is understood."""

    def __init__(self) -> None:
        super().__init__(
            "a date of birth is neither YYYY-MM-DD, YYYYMMDD nor DD.MM.YYYY (month or day may be "
            "absent or 00); write it so, or leave it empty"
        )


class BadParameters(UsageError):
    """Parameters from which no encoding can be made."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"these parameters give no encoding: {reason}; STANDARD is a tested set")


class MalformedEncoding(HaemonyError):
    """Bytes that are no encoding, or not a whole one."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this is no encoding: {reason}; ask the partner to send it again")


class Incomparable(HaemonyError):
    """Encodings that were made under different keys or parameters."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"the encodings were made under different {what} and cannot be compared; "
            f"all partners of one linkage encode anew under the same {what}"
        )


class BadScreen(UsageError):
    """A screen that cannot be run on these tables."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"the tables cannot be screened: {reason}; name columns that both have, each with a "
            "tolerance of 0 (equal) or more (numbers only)"
        )
