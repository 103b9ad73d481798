"""Messages between the parties: who they are, what they say, and how it is sealed."""

from haemony.privacy.exchange.card import Card, Role
from haemony.privacy.exchange.envelope import Opened, Part, open_envelope, peek, seal_parts
from haemony.privacy.exchange.refusals import EnvelopeRefused, Refusal
from haemony.privacy.exchange.waybill import Waybill

__all__ = [
    "Card",
    "EnvelopeRefused",
    "Opened",
    "Part",
    "Refusal",
    "Role",
    "Waybill",
    "open_envelope",
    "peek",
    "seal_parts",
]
