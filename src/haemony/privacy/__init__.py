"""Keeping identity outside: two pseudonymisation steps under two keys, and the protected tables."""

from haemony.privacy.protect import Protected, protect
from haemony.privacy.pseudonyms import KeyedPartner, KeyedTrustee, Partner, Trustee

__all__ = ["KeyedPartner", "KeyedTrustee", "Partner", "Protected", "Trustee", "protect"]
