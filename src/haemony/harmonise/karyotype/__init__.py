"""Why this exists: one line of text, the karyotype, decides much of a leukaemia's risk.

Registries, trials and laboratories send cytogenetics as ISCN formulas, and as everything people do
to such formulas: lower case, lost brackets, line breaks, remarks about FISH. This package reads
them (`parse`), says what was seen in how many cells, and answers questions asked in a small rule
language (`matches`). No metaphases is not the same as no abnormality: answers are `True`, `False`
or `None`.

The grammar follows ISCN 2020 and ISCN 2024 (An International System for Human Cytogenomic
Nomenclature, Karger, Basel).

Example:
    >>> from haemony.harmonise.karyotype import matches, parse
    >>> found = parse("45,XY,t(8;21)(q22;q22),-7[12]/46,XY[8]")
    >>> [a.text for a in found.abnormalities]
    ['t(8;21)(q22;q22)', '-7']
    >>> matches("t(8;21)(q22;q22)", found), matches("-5 | loss(5q)", found)
    (True, False)
    >>> matches("-7", parse("no metaphases")) is None
    True
"""

from haemony.harmonise.karyotype.abnormality import Abnormality, Breakpoint, Kind, Sign
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State
from haemony.harmonise.karyotype.printing import to_iscn
from haemony.harmonise.karyotype.reading import parse
from haemony.harmonise.karyotype.rules import (
    KaryotypeRuleError,
    Questions,
    Rule,
    compile_rule,
    matches,
)
from haemony.harmonise.karyotype.schemes import SCHEMES, Scheme, is_scheme, scheme
from haemony.harmonise.karyotype.summary import (
    abnormality_count,
    is_complex,
    is_monosomal,
    is_normal,
    sex,
)

__all__ = [
    "SCHEMES",
    "Abnormality",
    "Breakpoint",
    "Clone",
    "Karyotype",
    "KaryotypeRuleError",
    "Kind",
    "Questions",
    "Rule",
    "Scheme",
    "Sign",
    "State",
    "abnormality_count",
    "compile_rule",
    "is_complex",
    "is_monosomal",
    "is_normal",
    "is_scheme",
    "matches",
    "parse",
    "scheme",
    "sex",
    "to_iscn",
]
