"""Partner and trustee: workspaces of their own, with keys of their own, that exchange only files.

The third party is the platform, :class:`~haemony.workspace.Workspace`.
"""

from haemony.parties.partner import Partner, Sealed
from haemony.parties.party import Party
from haemony.parties.trustee import Trustee

__all__ = ["Partner", "Party", "Sealed", "Trustee"]
