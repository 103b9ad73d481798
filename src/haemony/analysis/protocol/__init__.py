"""The protocol of a study: one question, written down in `study.toml` before the data are seen.

The file is read once, here, into frozen values; whatever is wrong with it is refused with the key,
the cause and the next step. The same values can be made in code and written to a file. Names of
elements are checked against a release by `haemony.study`.
"""

from haemony.analysis.protocol.plan import ANALYSES, BLOCKS, UNTIMED, Protocol, TimeUnit, write
from haemony.analysis.protocol.reading import NoProtocol, file_of, load, parse
from haemony.analysis.protocol.uses import COURSES

__all__ = [
    "ANALYSES",
    "BLOCKS",
    "COURSES",
    "UNTIMED",
    "NoProtocol",
    "Protocol",
    "TimeUnit",
    "file_of",
    "load",
    "parse",
    "write",
]
