"""ICD-O-3 codes told less exactly: along the ranges in which the classification itself stands.

Morphology: 9861/3 → 9861/* → myeloid leukaemias → leukaemias → blood and lymph. Topography: C77.3
→ C77.* → lymph nodes. Ranges are those of the *International Classification of Diseases for
Oncology*, third edition, first and second revision (WHO 2013; IARC 2019); the names of groups are
our own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from haemony.privacy.anonymity.faults import BadHierarchy
from haemony.privacy.anonymity.hierarchy import EVERYTHING, Hierarchy

MORPHOLOGY = re.compile(r"M?-?(\d{4})(?:/(\d))?")
TOPOGRAPHY = re.compile(r"C(\d{2})(?:\.?(\d))?")


@dataclass(frozen=True, slots=True)
class Group:
    """A range of codes that stands together.

    Attributes:
        first: Its first three-digit morphology, or two-digit site.
        last: Its last.
        name: What it holds.
    """

    first: int
    last: int
    name: str

    def label(self, letter: str = "") -> str:
        """The range and what it holds.

        >>> Group(984, 993, "myeloid leukaemias").label()
        '984-993 myeloid leukaemias'
        """
        ends = [f"{letter}{end:02d}" for end in dict.fromkeys((self.first, self.last))]
        return f"{'-'.join(ends)} {self.name}"


HEADINGS = (
    Group(800, 800, "neoplasms, not specified"),
    Group(801, 804, "epithelial, not specified"),
    Group(805, 808, "squamous cell"),
    Group(809, 811, "basal cell"),
    Group(812, 813, "transitional cell"),
    Group(814, 838, "adenomas and adenocarcinomas"),
    Group(839, 842, "skin appendages"),
    Group(843, 843, "mucoepidermoid"),
    Group(844, 849, "cystic, mucinous and serous"),
    Group(850, 854, "ductal and lobular"),
    Group(855, 855, "acinar cell"),
    Group(856, 857, "complex epithelial"),
    Group(858, 858, "thymic epithelial"),
    Group(859, 867, "gonadal"),
    Group(868, 871, "paragangliomas and glomus tumours"),
    Group(872, 879, "naevi and melanomas"),
    Group(880, 880, "soft tissue, not specified"),
    Group(881, 883, "fibromatous"),
    Group(884, 884, "myxomatous"),
    Group(885, 888, "lipomatous"),
    Group(889, 892, "myomatous"),
    Group(893, 899, "complex mixed and stromal"),
    Group(900, 903, "fibroepithelial"),
    Group(904, 904, "synovial-like"),
    Group(905, 905, "mesothelial"),
    Group(906, 909, "germ cell"),
    Group(910, 910, "trophoblastic"),
    Group(911, 911, "mesonephric"),
    Group(912, 916, "blood vessels"),
    Group(917, 917, "lymphatic vessels"),
    Group(918, 924, "bone and cartilage"),
    Group(925, 925, "giant cell"),
    Group(926, 926, "other bone"),
    Group(927, 934, "odontogenic"),
    Group(935, 937, "other tumours"),
    Group(938, 948, "gliomas"),
    Group(949, 952, "neuroepithelial"),
    Group(953, 953, "meningiomas"),
    Group(954, 957, "nerve sheath"),
    Group(958, 958, "granular cell and alveolar soft part"),
    Group(959, 959, "lymphomas, not specified or diffuse"),
    Group(965, 966, "Hodgkin lymphomas"),
    Group(967, 969, "mature B-cell lymphomas"),
    Group(970, 971, "mature T- and NK-cell lymphomas"),
    Group(972, 972, "precursor cell lymphoblastic lymphomas"),
    Group(973, 973, "plasma cell tumours"),
    Group(974, 974, "mast cell tumours"),
    Group(975, 975, "histiocytes and accessory lymphoid cells"),
    Group(976, 976, "immunoproliferative diseases"),
    Group(980, 980, "leukaemias, not specified"),
    Group(981, 981, "lymphoblastic leukaemias and lymphomas by genetics"),
    Group(982, 983, "lymphoid leukaemias"),
    Group(984, 993, "myeloid leukaemias"),
    Group(994, 994, "other leukaemias"),
    Group(995, 996, "chronic myeloproliferative neoplasms"),
    Group(997, 997, "other haematological disorders"),
    Group(998, 999, "myelodysplastic syndromes"),
)
"""The headings of the numerical list; 981 and 999 came with later revisions."""

SECTIONS = (
    Group(800, 958, "other tissues"),
    Group(959, 972, "lymphomas"),
    Group(973, 973, "plasma cell tumours"),
    Group(974, 976, "mast cells, histiocytes, immunoproliferative"),
    Group(980, 994, "leukaemias"),
    Group(995, 999, "chronic myeloid disorders"),
)
SIDES = (Group(800, 958, "other tissues"), Group(959, 999, "blood and lymph"))

SITES = (
    Group(0, 14, "lip, mouth and pharynx"),
    Group(15, 26, "digestive organs"),
    Group(30, 39, "respiratory and intrathoracic organs"),
    Group(40, 41, "bones and joints"),
    Group(42, 42, "blood, marrow, spleen"),
    Group(44, 44, "skin"),
    Group(47, 49, "nerves, peritoneum, soft tissue"),
    Group(50, 50, "breast"),
    Group(51, 58, "female genital organs"),
    Group(60, 63, "male genital organs"),
    Group(64, 68, "urinary tract"),
    Group(69, 72, "eye, brain, central nervous system"),
    Group(73, 75, "endocrine glands"),
    Group(76, 76, "ill-defined sites"),
    Group(77, 77, "lymph nodes"),
    Group(80, 80, "unknown primary site"),
)


def icd_o(attribute: str, codes: Sequence[str]) -> Hierarchy:
    """The hierarchy of ICD-O-3 morphology or topography codes.

    Args:
        attribute: Name of the column.
        codes: Morphologies such as ``9861/3`` (or ``9861``), or sites such as ``C77.3``, as they
            stand in the column; each distinct one is a leaf.

    Raises:
        BadHierarchy: When codes are of neither kind, of both, or in no range of ICD-O-3.

    Example:
        >>> for row in icd_o("morphology", ["9861/3", "9989/3", "9732/3"]).rows:
        ...     print(row[2:])
        ('973 plasma cell tumours', '973 plasma cell tumours', '959-999 blood and lymph', '*')
        ('984-993 myeloid leukaemias', '980-994 leukaemias', '959-999 blood and lymph', '*')
        ('998-999 myelodysplastic syndromes', '995-999 chronic myeloid disorders', \
'959-999 blood and lymph', '*')
        >>> icd_o("site", ["C77.3", "C42.1"]).rows[0]
        ('C42.1', 'C42.*', 'C42 blood, marrow, spleen', '*')
    """
    texts = sorted(set(codes))
    telling = {"morphologies": _morphology, "sites": _site}
    for tell in telling.values():
        rows = [tell(text) for text in texts]
        told = [row for row in rows if row]
        if told and len(told) == len(rows):
            return Hierarchy.of_rows(attribute, told)
    unread = min(sum(tell(text) is None for text in texts) for tell in telling.values())
    raise BadHierarchy(
        attribute,
        reason=f"holds {unread} codes that are no morphology or site of ICD-O-3",
        remedy="write morphologies as 9861/3 and sites as C77.3, each in a column of its own",
    )


def is_icd_o(values: pl.Series) -> bool:
    """Whether texts are ICD-O-3 codes beyond doubt: sites, or morphologies with their behaviour.

    >>> is_icd_o(pl.Series(["9861/3", "9895/3"])), is_icd_o(pl.Series(["C92.0"]))
    (True, False)
    """
    texts = values.unique().to_list()
    told = all(_site(text) or ("/" in text and _morphology(text)) for text in texts)
    return bool(texts) and told and len({text[0] == "C" for text in texts}) == 1


def _morphology(text: str) -> tuple[str, ...] | None:
    found = MORPHOLOGY.fullmatch(text.strip())
    if not found:
        return None
    number = int(found[1]) // 10
    groups = [_group(number, scheme) for scheme in (HEADINGS, SECTIONS, SIDES)]
    if None in groups:
        return None
    labels = [group.label() for group in groups if group]
    return (text, f"{found[1]}/*", *labels, EVERYTHING)


def _site(text: str) -> tuple[str, ...] | None:
    found = TOPOGRAPHY.fullmatch(text.strip())
    group = _group(int(found[1]), SITES) if found else None
    if not found or not group:
        return None
    return (text, f"C{found[1]}.*", group.label("C"), EVERYTHING)


def _group(number: int, scheme: Sequence[Group]) -> Group | None:
    """The group of a scheme that holds a number."""
    place = bisect_right(scheme, number, key=lambda group: group.first) - 1
    return scheme[place] if place >= 0 and number <= scheme[place].last else None
