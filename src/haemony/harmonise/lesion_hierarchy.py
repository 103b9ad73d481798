"""How a karyotype is told less exactly: text → leading abnormality → ELN risk → nothing.

A karyotype can be unique alone, so a policy that lets it leave generalises it. The groups are the
cytogenetic part of the European LeukemiaNet's recommendations of 2022 (Döhner, Blood 140:1345,
doi:10.1182/blood.2022016867); genes refine them and are no part of a karyotype.
"""

from __future__ import annotations

from collections.abc import Iterable

from haemony.harmonise.cytogenetics import finding_in
from haemony.model.element import Catalogue, Finding
from haemony.privacy.anonymity import Hierarchy

FAVOURABLE, INTERMEDIATE, ADVERSE = "favourable", "intermediate", "adverse"
UNTOLD = "no result"

GROUPS = {
    "t_15_17": FAVOURABLE,
    "t_8_21": FAVOURABLE,
    "inv_16": FAVOURABLE,
    "t_9_11": INTERMEDIATE,
    "t_6_9": ADVERSE,
    "t_v_11": ADVERSE,
    "t_9_22": ADVERSE,
    "inv_3": ADVERSE,
    "complex_karyotype": ADVERSE,
    "minus_5_5q": ADVERSE,
    "minus_7": ADVERSE,
    "abn_17p": ADVERSE,
    "normal_karyotype": INTERMEDIATE,
}
"""Leading abnormalities in the order in which they count, and the group of each.

t(15;17) is not part of the recommendations; its outlook puts it first."""

OTHER = "other abnormality"


def lesion_hierarchy(attribute: str, texts: Iterable[str], catalogue: Catalogue) -> Hierarchy:
    """Build the hierarchy of the karyotypes of a column.

    Args:
        attribute: Name of the column.
        texts: Karyotypes in ISCN, as they stand in the column; each distinct one is a leaf.
        catalogue: Whose rules find the abnormalities.

    Example:
        >>> from haemony.model.disease import disease
        >>> texts = ["46,XX,t(8;21)(q22;q22)[20]", "45,XY,-7[20]", "46,XX[20]"]
        >>> for row in lesion_hierarchy("karyotype", texts, disease("aml").catalogue).rows:
        ...     print(row[1:])
        ('-7', 'adverse', '*')
        ('t(8;21)', 'favourable', '*')
        ('Normal karyotype', 'intermediate', '*')
    """
    rows = [(text, *_told(text, catalogue), "*") for text in sorted(set(texts))]
    return Hierarchy.of_rows(attribute, rows)


def _told(text: str, catalogue: Catalogue) -> tuple[str, str]:
    answers = {name: finding_in(text, catalogue[name]) for name in GROUPS if name in catalogue}
    for name, answer in answers.items():
        if answer is Finding.POSITIVE:
            return catalogue[name].label, GROUPS[name]
    if any(answer is not None for answer in answers.values()):
        return OTHER, INTERMEDIATE
    return f"karyotype: {UNTOLD}", UNTOLD
