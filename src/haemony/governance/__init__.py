"""Governance: what was decided and when, in a real database (SQLite unless a URL is given)."""

from haemony.governance.store import GovernanceStore

__all__ = ["GovernanceStore"]
