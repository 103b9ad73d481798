"""Why this exists: a karyotype that was read can be written as ISCN again, the same for everyone.

What one laboratory abbreviates (`idem`), another writes out and a third mistypes; printed, they are
one text. Items that were not understood are printed as `na`, as many registries write them; results
of other methods and remarks are left out.
"""

from __future__ import annotations

from haemony.harmonise.karyotype.abnormality import Abnormality, Kind
from haemony.harmonise.karyotype.formula import Clone, Karyotype, State

_NOT_READ = "na"


def to_iscn(karyotype: Karyotype) -> str:
    r"""Write a karyotype as ISCN does: clones in full, in their order.

    Reading what is printed, and printing it again, gives the same text.

    Example:
        >>> from haemony.harmonise.karyotype import parse
        >>> to_iscn(parse("45,xx,-7[3]/ 46,idem,+marker[5]\n46,xx [2]"))
        '45,XX,-7[3]/46,XX,-7,+mar[5]/46,XX[2]'
        >>> to_iscn(parse("keine Metaphasen"))
        'no metaphases'
    """
    if karyotype.state is not State.EVALUABLE:
        return str(karyotype.state.value)
    own = "/".join(_clone(clone) for clone in karyotype.clones if not clone.donor)
    donor = "/".join(_clone(clone) for clone in karyotype.clones if clone.donor)
    return f"{own}//{donor}" if donor else own


def _clone(clone: Clone) -> str:
    parts = []
    if clone.modal_number is None:
        parts += [clone.ploidy] if clone.ploidy else []
    else:
        parts.append(_number(clone))
        if clone.sex:
            parts.append(f"{clone.sex}c" if clone.sex_at_birth else clone.sex)
    parts += [_item(item) for item in clone.abnormalities if not _is_implied(item)]
    if clone.incomplete:
        parts.append("inc")
    text = ",".join(parts)
    return text + (_count(clone) or ("[?]" if text.endswith("]") else ""))


def _number(clone: Clone) -> str:
    upper = f"~{clone.modal_upper}" if clone.modal_upper != clone.modal_number else ""
    ploidy = f"<{clone.ploidy}>" if clone.ploidy else ""
    return f"{clone.modal_number}{upper}{ploidy}"


def _count(clone: Clone) -> str:
    if clone.cells is None:
        return "[cp]" if clone.composite else ""
    return f"[{'cp' if clone.composite else ''}{clone.cells}]"


def _is_implied(item: Abnormality) -> bool:
    """A lone X says by itself that a sex chromosome is missing."""
    return item.kind is Kind.UNREAD and not item.written


def _item(item: Abnormality) -> str:
    cells = f"[{item.cells}]" if item.cells is not None else ""
    if item.kind is Kind.UNREAD:
        return _NOT_READ
    if item.kind is Kind.DESCRIBED_COMPLEX:
        return item.text + cells
    doubt = "?" if item.uncertain and not item.text.startswith("?") else ""
    text, born_with = (item.text[:-1], "c") if item.constitutional else (item.text, "")
    return f"{doubt}{text}{_times(item)}{born_with}{cells}"


def _times(item: Abnormality) -> str:
    """Markers carry their number in their text already."""
    return f"x{item.copies}" if item.copies > 1 and item.chromosomes else ""
