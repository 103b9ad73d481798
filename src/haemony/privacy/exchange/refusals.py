"""Why an envelope is not accepted: one closed list, each with its next step."""

from __future__ import annotations

from enum import Enum

from haemony.model.errors import RefusedByPolicy


class Refusal(Enum):
    """A reason to refuse an envelope: what is wrong, and what to do."""

    FOREIGN = ("it is no envelope of haemony", "ask the sender for the file once more")
    VERSION = (
        "it follows another version of the protocol",
        "install the same haemony on both sides, and have it sealed again",
    )
    TRUNCATED = ("it is cut short", "have the file sent again")
    TAMPERED = (
        "it was changed after it was signed",
        "have the file sent again, and tell the sender that somebody changed it",
    )
    UNKNOWN_SENDER = (
        "its sender is not trusted here",
        "compare the fingerprint of the sender's card by telephone, then `trust` the card",
    )
    WRONG_ROLE = (
        "its sender has another role than this message needs",
        "look which file was sent to whom",
    )
    WRONG_ADDRESS = (
        "it is addressed to somebody else",
        "send it to the party that its name says",
    )
    WRONG_KEY = (
        "it cannot be opened with the key of this party",
        "have it sealed again for the card that this party uses now",
    )
    SKEW = ("it was made in the future", "set the clocks of both machines, then seal again")
    EXPIRED = ("it is too old", "have it sealed again")
    REPLAYED = (
        "it was accepted before",
        "nothing is to be done; if the answer to it got lost, have it sealed again (`--again`)",
    )
    OUT_OF_ORDER = (
        "a later one of the same contribution was accepted before",
        "use the later one, or have it sealed again",
    )
    NOT_A_PAIR = (
        "payload and keys do not belong to the same seal",
        "give the keys that the trustee made for this very payload",
    )
    MALFORMED = (
        "its content is not what its name says",
        "install the same haemony on both sides, and have it sealed again",
    )
    OTHER_PARTNER = (
        "a contribution of this id came from another partner",
        "give the contribution an id of its own in contribution.yaml, and seal it again",
    )
    OTHER_LINKAGE = (
        "its identities are encoded under another linkage key than those that came before",
        "all partners of a linkage share one key: `haemony partner take-linkage-key`",
    )
    SHARED_PSEUDONYM = (
        "it holds a site pseudonym that another partner has brought before, which cannot be chance",
        "the two partners share a key: one of them makes a new one with `haemony partner rotate`",
    )

    def __init__(self, cause: str, remedy: str) -> None:
        self.cause = cause
        self.remedy = remedy


class EnvelopeRefused(RefusedByPolicy):
    """An envelope is not accepted; nothing has changed."""

    def __init__(self, refusal: Refusal, what: str, detail: str = "") -> None:
        self.refusal, self.what = refusal, what
        more = f" ({detail})" if detail else ""
        super().__init__(f"{what} is refused: {refusal.cause}{more}; {refusal.remedy}")
