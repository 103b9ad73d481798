"""haemony: an open data commons for blood cancers, from partners' files to evidence.

Example:
    >>> import haemony as hm
    >>> hm.disease("aml").catalogue["wbc"].unit
    '10*9/L'
"""

from haemony.admission import admit
from haemony.intake import Contribution
from haemony.lake import Lake, Release
from haemony.model.disease import disease
from haemony.model.errors import HaemonyError
from haemony.workspace import Workspace

__all__ = [
    "Contribution",
    "HaemonyError",
    "Lake",
    "Release",
    "Workspace",
    "admit",
    "disease",
    "diseases",
]
