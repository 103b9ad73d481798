"""haemony: an open data commons for blood cancers, from partners' files to evidence.

What people type first is found here, and loaded when it is first asked for: the command line can
so be stopped, and answer, before everything behind it is read.

Example:
    >>> import haemony as hm
    >>> hm.disease("aml").catalogue["wbc"].unit
    '10*9/L'
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_HOMES = {
    "Contribution": "haemony.intake",
    "HaemonyError": "haemony.model.errors",
    "Lake": "haemony.lake",
    "Release": "haemony.lake",
    "Workspace": "haemony.workspace",
    "admit": "haemony.admission",
    "disease": "haemony.model.disease",
}
"""Where each name lives."""


def __getattr__(name: str) -> object:
    """A name of this package, loaded with the module it lives in.

    Sub-packages too: `import haemony` alone is enough to say `haemony.lake`.
    """
    if name in _HOMES:
        found: object = getattr(import_module(_HOMES[name]), name)
    else:
        found = _module(name)
    globals()[name] = found
    return found


def _module(name: str) -> object:
    whole = f"{__name__}.{name}"
    try:
        return import_module(whole)
    except ModuleNotFoundError as error:
        if error.name != whole:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
