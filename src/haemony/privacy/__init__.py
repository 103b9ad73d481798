"""Keeping identity outside: two keys held by two parties, and contributions without identities."""

from haemony.privacy.protect import Protected, protect
from haemony.privacy.pseudonyms import DomainKey, SiteKey
from haemony.privacy.split import Split, split

__all__ = ["DomainKey", "Protected", "SiteKey", "Split", "protect", "split"]
