"""Why this exists: beside a karyotype stand results of FISH, arrays and PCR, which are none of it.

ISCN writes them into the same line (`nuc ish(CEP8x3)[90/200]`, `arr(5)x1`). Their bands are loci of
probes and their counts are nuclei, so they are set apart whole and never read as chromosome bands.
"""

from __future__ import annotations

import re

OTHER_METHOD = (
    r"(?:(?:nuc\s?ish|ish|i?fish|m-?fish|pcr|rt-?pcr|q-?pcr|cgh|acgh|snp|sky|array|arr|ogm|ngs)"
    r"(?:\b|(?=[\d_])|(?=\S{0,3}upp))|i?fish[a-z]*)"
)
"""How such a result begins, in tidied text."""

_OTHER_METHOD = re.compile(rf"\W*{OTHER_METHOD}")
_IN_SITU = re.compile(r"\W*(?:nuc\s?ish|ish|i?fish|m-?fish|sky)")
_ARRAY = re.compile(r"\W*(?:arr|array|a?cgh|snp|ogm)(?![a-z]{4})")


def is_other_method(remark: str) -> bool:
    """Say whether a remark is the result of another method: FISH, arrays, PCR.

    Example:
        >>> is_other_method("nuc ish(abl1x2)[200]"), is_other_method("bad quality")
        (True, False)
    """
    return bool(_OTHER_METHOD.match(remark))


def is_in_situ(remark: str) -> bool:
    """Say whether a remark is a result of in-situ hybridisation."""
    return bool(_IN_SITU.match(remark))


def is_array(remark: str) -> bool:
    """Say whether a remark is a result of an array or of optical mapping."""
    return bool(_ARRAY.match(remark))
