"""Why this exists: read one item of a formula, such as `+8`, `der(5)t(5;17)(q11;p11)` or `5q-`.

Symbols follow ISCN 2020 and 2024 (chapter 3, symbols; chapter 9, structural rearrangements).
Besides
ISCN, the shorthand of letters and databases is understood: `del5q`, `20q-`, `minus y`, `trisomy 8`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache

from haemony.harmonise.karyotype.abnormality import (
    CHROMOSOMES,
    Abnormality,
    Breakpoint,
    Kind,
    Sign,
)

KINDS = {
    **{
        kind.value: kind
        for kind in Kind
        if kind not in {Kind.NUMERICAL, Kind.HETEROMORPHISM, Kind.UNREAD, Kind.DESCRIBED_COMPLEX}
    },
    "iso": Kind.ISOCHROMOSOME,
    "isodic": Kind.ISODICENTRIC,
    "psuidic": Kind.ISODICENTRIC,
    "psudic": Kind.DICENTRIC,
    "tdic": Kind.DICENTRIC,
    "dicr": Kind.RING,
    "dirdup": Kind.DUPLICATION,
    "invdup": Kind.DUPLICATION,
    "dirins": Kind.INSERTION,
    "invins": Kind.INSERTION,
    "idel": Kind.DELETION,
    "tel": Kind.TELOMERE_ASSOCIATION,
}
"""Every word that may stand before a bracket, and what it means."""

_BUILT_ON = frozenset(
    {Kind.DERIVATIVE, Kind.ISODERIVATIVE, Kind.RECOMBINANT, Kind.DICENTRIC, Kind.ISODICENTRIC}
    | {Kind.RING, Kind.ISOCHROMOSOME, Kind.TRICENTRIC}
)
_PREFIX = re.compile(r"(\??)([+-]?)(\??)(?:(\d)(?:[-~]\d)?x(?!\d))?([+-]?)(\??)")
_SEGMENT = re.compile(r"\??([a-z]{1,8})\(+")
_TIMES = re.compile(r"(\??[+-]?\??)(\d{1,2})x(\d{1,2})(\??c?\??)")
_BARE_BANDS = re.compile(r"\??[pq][\d?]")
_REST = re.compile(r"(?:x(\d{1,2})(?:[-~]\d{1,2})?)?(?:d?mat|d?pat|dn|inh|dinh)?(\??)(c?)(\??)")
_PLAIN_NUMERICAL = re.compile(r"([+-])([1-9]\d?|x|y)")
_NUMERICAL = re.compile(r"(\d{1,2}|x|y)(?:or[+-]?(?:\d{1,2}|x|y))?(?:x(\d{1,2}))?(\??)(c?)(\??)")
_COUNTED = re.compile(
    r"(\d{1,3})?(?:[-~](?:\d{1,3})?)?(?:x|var)?(mar|r|dmin|dm|min|hsr|ace)s?\d{0,2}"
    r"(?:[-~]\d{1,2})?(?:x(\d{1,2}))?"
)
_MARKER = re.compile(r"^(\??\+\??(?:\d{1,2}(?:[-~]\d{1,2})?)?x?)(?:markers?|m)(?=\d{0,2}(?:x\d)?$)")
_HETEROMORPHISM = re.compile(r"(\d{1,2}|x|y)(?:[pq]?(?:h|ss|stk?|cenh)|ph|qh)[+-]?c?")
_ARM_MINUS = re.compile(r"(\d{1,2}|x|y)([pq])([\d.?]*)([+-])")
_SIGNED_ARM = re.compile(r"(\d{1,2}|x|y)([pq](?:[\d.?]|ter|[pq~])*)")
_SHORT_KIND = re.compile(r"([a-z]{1,8}?)\(?(\d{1,2}|x|y)([pq][\dpq.?]*)?\)?-?")
_SPELT = re.compile(
    r"(minus|plus|mono(?:som(?:y|ie|ia))?|tris(?:om(?:y|ie|ia))?|lossof|verlust(?:von)?)-?(?:chr(?:omosom(?:e)?)?)?"
    r"(\d{1,2}|x|y)"
)
_MANY = re.compile(r"(>=|>|\u2265)([2-9])(?!\d)(?:abnorm|aberra|anomal|chromosom)")
_BAND = re.compile(
    r"(?:(\d{1,2}|x|y)(?=\??[pq]))?\??([pq])(ter|[\d.?]*)"
    r"(?:(?:[-~/]|or)([pq]?)(?=[\d?])([\d.?]*))?|(?<=[;,])\??(\d{1,2}(?:\.\d{1,2})?)(?=[;,]|$)"
)
_PARTED_NUMBER = re.compile(r"\d\s+\d")
_NAME = re.compile(r"(\d{1,2}|x|y)?(?=$|\??[pq])")
_BETWEEN = re.compile("[;:,]")
_ONLY_DIGITS = re.compile(r"\??\d{1,2}(?:\.\d{1,2})?")
_VARIANT_INVERSIONS = {
    "9": (("1", "13"), ("11", "21")),
    "2": (("11", "11"), ("13", "13")),
    "10": (("11", "11"), ("21", "21")),
    "Y": (("11", "11"), ("11", "11")),
}
_COUNTED_KINDS = {
    "mar": Kind.MARKER,
    "r": Kind.RING,
    "hsr": Kind.STAINING_REGION,
    "ace": Kind.MARKER,
}
_ATOM = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
_JOINED = re.compile(r"(?<=\d)x(?=[a-z])|or(?=[pq+-])")
_FILL_WORDS = frozenset(
    {
        "c",
        "x",
        "or",
        "ter",
        "pter",
        "qter",
        "cen",
        "mat",
        "pat",
        "dmat",
        "dpat",
        "dn",
        "inh",
        "dinh",
    }
    | {"dir", "inv", "var", "m", "mar", "marker", "markers"}
)
_FILL = re.compile(
    r"(?:minus|plus|mono|tris|loss|verlust|chr|complex|komplex|karyo|isol|abnorm|aberr|anomal).*"
    r"|(?:del)?[xy]|[pq]|0+"
)
_SEX_LETTER = re.compile(r"(?<![a-z0-9])[xy](?=[^a-z0-9]|[pq]|$)")


@lru_cache(maxsize=65_536)
def read_item(token: str) -> tuple[Abnormality, ...]:
    """Read one tidied item; empty when it is not an abnormality.

    Example:
        >>> [(a.kind.value, a.sign.value, a.chromosomes) for a in read_item("+8")]
        [('numerical', '+', ('8',))]
        >>> (made,) = read_item("der(5)t(5;17)(q11;p11)")
        >>> made.chromosomes, made.parts[0].chromosomes
        (('5',), ('5', '17'))
    """
    if _PARTED_NUMBER.search(token):
        return ()
    compact = _MARKER.sub(r"\1mar", token.replace(" ", ""))
    if (found := _PLAIN_NUMERICAL.fullmatch(compact)) and found[2].upper() in CHROMOSOMES:
        text = compact.upper()
        return (
            Abnormality(Kind.NUMERICAL, (text[1:],), sign=Sign(found[1]), text=text, written=text),
        )
    text = _SEX_LETTER.sub(lambda found: found.group().upper(), compact)
    for form in (_read_signed, _read_shorthand):
        items = form(compact)
        if items:
            return tuple(replace(item, text=_in_iscn(item, text), written=text) for item in items)
    return ()


def not_shown(token: str, items: tuple[Abnormality, ...]) -> str:
    """The numbers and words of a token that the abnormalities read from it do not show.

    Example:
        >>> [not_shown(token, read_item(token)) for token in ("del(11)(14q22)", "+8")]
        ['14', '']
    """
    if len(items) == 1 and items[0].text.lower() == token:
        return ""
    shown = Counter(atom for item in items for atom in _ATOM.findall(_shown(item)))
    named = {name.lower() for item in items for name in item.mentions} if "::" in token else set()
    left = []
    for atom in _ATOM.findall(_JOINED.sub(" ", token.replace("?", ""))):
        if shown[atom] > 0:
            shown[atom] -= 1
        elif atom not in named and not _is_understood(atom):
            left.append(atom)
    return " ".join(left)


def _shown(item: Abnormality) -> str:
    """What an abnormality says, as words and numbers."""
    return f"{item.text} {item.copies if item.copies > 1 else ''}".lower()


def _is_understood(atom: str) -> bool:
    """Words that say how a thing is written, and are no finding of their own."""
    return atom in KINDS or atom in _FILL_WORDS or bool(_FILL.fullmatch(atom))


def _in_iscn(item: Abnormality, written: str) -> str:
    """Write an item as ISCN does, so that two spellings of one abnormality have one text."""
    if item.kind is Kind.NUMERICAL:
        return f"{item.sign.value}{item.chromosomes[0]}{'c' * item.constitutional}"
    if item.kind is Kind.DESCRIBED_COMPLEX:
        return f">{item.copies - 1} abnormalities" if item.copies > 1 else "complex"
    if not item.chromosomes or (item.kind is Kind.HETEROMORPHISM and not item.breakpoints):
        return written.replace("?", "")
    inside = "".join(_rearrangement(member) for member in item.everyone)
    return f"{item.sign.value}{inside}{'c' * item.constitutional}"


def _rearrangement(item: Abnormality) -> str:
    word = "inv" if item.kind is Kind.HETEROMORPHISM else item.kind.value
    symbol = f"{word}({';'.join(item.chromosomes)})"
    if not item.breakpoints:
        return symbol
    named = tuple([point.chromosome for point in item.breakpoints])
    if not set(named) <= set(item.chromosomes):
        bands = [point.chromosome.strip("?") + _band_text(point) for point in item.breakpoints]
        return f"{symbol}({'::'.join(bands)})"
    if named == item.chromosomes and (len(named) > 1 or item.breakpoints[0].arm):
        return f"{symbol}({';'.join([_band_text(point) for point in item.breakpoints])})"
    if 1 < len(item.chromosomes) != len(set(item.chromosomes)):
        shares = [_band_text(point) for point in item.breakpoints if point.arm]
        return f"{symbol}({';'.join(shares[: len(item.chromosomes)])})" if shares else symbol
    shares = [_share(item, name) for name in item.chromosomes]
    if shares == ["?"]:
        return symbol
    return f"{symbol}({';'.join(shares)})"


def _share(item: Abnormality, name: str) -> str:
    """The bands of one chromosome; a number without an arm is a band only where it stands alone."""
    points = [point for point in item.breakpoints if point.chromosome == name]
    if len(points) == 1 and len(item.chromosomes) > 1:
        return _band_text(points[0])
    return "".join([_band_text(point) for point in points if point.arm]) or "?"


def _band_text(point: Breakpoint) -> str:
    return f"{point.arm}{point.band}" + (f"~{point.upper}" if point.upper else "")


def _read_signed(token: str) -> tuple[Abnormality, ...]:
    token = _multiplier_last(token)
    found = _PREFIX.match(token)
    if found is None:  # pragma: no cover - every part of the prefix is optional
        return ()
    sign = Sign(found[2] or found[5])
    uncertain = bool(found[1] or found[3] or found[6])
    copies = int(found[4] or 1)
    core = token[found.end() :]
    items = (
        _numerical(core, sign)
        or _heteromorphism(core, sign)
        or _counted(core, sign)
        or _structural(core)
    )
    return tuple(
        item
        if sign in {Sign.IN_PLACE, item.sign} and copies == 1 and uncertain <= item.uncertain
        else replace(
            item,
            sign=sign if item.sign is Sign.IN_PLACE else item.sign,
            uncertain=item.uncertain or uncertain,
            copies=max(1, min(copies * item.copies, 99)),
        )
        for item in items
    )


def _multiplier_last(token: str) -> str:
    """Write `+2x8` as `+8x2`: no cell has more than four extra copies, so 2 is their number."""
    found = _TIMES.fullmatch(token)
    if found and int(found[2]) <= 4 < int(found[3]):
        return f"{found[1]}{found[3]}x{found[2]}{found[4]}"
    return token


def _numerical(core: str, sign: Sign) -> tuple[Abnormality, ...]:
    found = _NUMERICAL.fullmatch(core)
    if not found or sign is Sign.IN_PLACE or found[1].upper() not in CHROMOSOMES:
        return ()
    return (
        Abnormality(
            Kind.NUMERICAL,
            (found[1].upper(),),
            sign=sign,
            constitutional=bool(found[4]),
            uncertain=bool(found[3] or found[5] or "or" in core),
            copies=max(1, int(found[2] or 1)),
        ),
    )


def _counted(core: str, sign: Sign) -> tuple[Abnormality, ...]:
    found = _COUNTED.fullmatch(core)
    if not found:
        return ()
    kind = _COUNTED_KINDS.get(found[2], Kind.DOUBLE_MINUTES)
    copies = int(found[1] or found[3] or 1)
    gained = Sign.GAINED if sign is Sign.IN_PLACE and kind is Kind.MARKER else sign
    return (Abnormality(kind, sign=gained, copies=max(copies, 1)),)


def _heteromorphism(core: str, _sign: Sign) -> tuple[Abnormality, ...]:
    found = _HETEROMORPHISM.fullmatch(core)
    if not found or found[1].upper() not in CHROMOSOMES:
        return ()
    return (Abnormality(Kind.HETEROMORPHISM, (found[1].upper(),)),)


def _structural(core: str) -> tuple[Abnormality, ...]:
    segments, rest = _segments(core)
    if not segments:
        return ()
    suffix = _REST.fullmatch(rest)
    uncertain = suffix is None or bool(suffix[2] or suffix[4])
    constitutional = bool(suffix and suffix[3])
    copies = int(suffix[1] or 1) if suffix else 1
    first, *others = segments
    if first.kind in _BUILT_ON and others:
        segments = [replace(first, parts=tuple(others))]
    return tuple(
        replace(item, uncertain=told, constitutional=constitutional, copies=copies)
        if (told := uncertain or any(b.uncertain for b in item.all_breakpoints))
        or constitutional
        or copies > 1
        else item
        for item in map(_as_variant, segments)
    )


def _segments(core: str) -> tuple[list[Abnormality], str]:
    """Read `kind(chromosomes)(bands)` again and again; give back what is left behind."""
    segments: list[Abnormality] = []
    position = 0
    while found := _SEGMENT.match(core, position):
        kind = KINDS.get(found[1])
        if kind is None:
            break
        first, after = _group(core, found.end())
        bands, after = _bands_group(core, after)
        default = segments[-1].chromosomes[:1] if segments else ()
        segments.append(_segment(kind, first, bands, default, core[position:after]))
        position = after
    return segments, core[position:]


def _group(core: str, start: int) -> tuple[str, int]:
    """The text up to the closing bracket, or up to the next opening one if that was lost."""
    end = core.find(")", start)
    opening = core.find("(", start)
    if opening != -1 and (end == -1 or opening < end):
        return core[start:opening], opening
    if end == -1:
        return core[start:], len(core)
    return core[start:end], end + 1


def _bands_group(core: str, start: int) -> tuple[str, int]:
    position = start
    while position < len(core) and core[position] in ";:)":
        position += 1
    if position < len(core) and core[position] == "(":
        inner = position + 1
        if _SEGMENT.match(core, inner):
            return "", inner
        return _group(core, inner)
    if _BARE_BANDS.match(core, position):
        return _group(core, position)
    return "", start


def _segment(
    kind: Kind, first: str, bands: str, default: tuple[str, ...], text: str
) -> Abnormality:
    names: list[str] = []
    inline: list[Breakpoint] = []
    for field in _BETWEEN.split(first):
        name, points = _chromosome(field, default)
        names.append(name)
        inline.extend(points)
    chromosomes = tuple(names)
    points = tuple(inline) + _breakpoints(bands, chromosomes)
    return Abnormality(kind, chromosomes, points, text=text)


def _chromosome(field: str, default: tuple[str, ...]) -> tuple[str, tuple[Breakpoint, ...]]:
    """A chromosome as it stands in the first bracket, perhaps with its bands (`5q13q31`)."""
    plain = field.strip("?+~ ")
    if plain.upper() in CHROMOSOMES:
        return plain.upper(), ()
    digits = _NAME.match(plain)
    name = digits[1].upper() if digits and digits[1] else ""
    if not name and default and plain:
        name = default[0]
    if name not in CHROMOSOMES:
        return "?", ()
    rest = plain[len(digits[1]) if digits and digits[1] else 0 :]
    return name, _breakpoints(rest, (name,)) if rest else ()


def _breakpoints(bands: str, chromosomes: tuple[str, ...]) -> tuple[Breakpoint, ...]:
    """Share the bands of the second bracket among the chromosomes of the first."""
    if not bands:
        return ()
    if len(chromosomes) == 1:
        return _points(bands, chromosomes[0])
    separator = ";" if ";" in bands else ":" if ":" in bands and "::" not in bands else ","
    fields = bands.split(separator)
    if len(fields) == 1:
        points = _points(bands, chromosomes[0])
        if len(points) == len(chromosomes):
            return tuple(
                replace(point, chromosome=name)
                for point, name in zip(points, chromosomes, strict=True)
            )
        return points
    last = len(chromosomes) - 1
    return tuple(
        point
        for place, field in enumerate(fields)
        for point in _points(field, chromosomes[min(place, last)], bare=True)
    )


def _points(field: str, chromosome: str, *, bare: bool = False) -> tuple[Breakpoint, ...]:
    points: list[Breakpoint] = []
    if bare and _ONLY_DIGITS.fullmatch(field):
        return (Breakpoint(chromosome, "", field.strip("?"), uncertain=True),)
    for found in _BAND.finditer(field):
        if found[6]:
            arm = points[-1].arm if points else ""
            points.append(Breakpoint(chromosome, arm, found[6], uncertain=True))
            continue
        named = (found[1] or "").upper()
        points.append(
            Breakpoint(
                named if named in CHROMOSOMES and "::" in field else chromosome,
                found[2],
                _digits(found[3]),
                _digits(found[5] or "") if found[4] in {"", None, found[2]} else "",
                uncertain="?" in found[0],
            )
        )
    return tuple(points)


def _digits(band: str) -> str:
    """The digits of a band; of `12?3`, which is no band as it stands, those that are certain."""
    digits = "" if band == "ter" else band.replace("?", "").strip(".")
    if len(digits.partition(".")[0]) > 2 and "?" in band:
        return band.partition("?")[0].strip(".")
    return digits


def _as_variant(item: Abnormality) -> Abnormality:
    """An inversion that ISCN lists as a normal variant, such as inv(9)(p12q13), is no finding."""
    if item.kind is not Kind.INVERSION or len(item.breakpoints) != 2:
        return item
    limits = _VARIANT_INVERSIONS.get(item.chromosomes[0])
    short, long = sorted(item.breakpoints, key=lambda point: point.arm)
    if limits is None or short.arm != "p" or long.arm != "q" or not short.band or not long.band:
        return item
    within = all(
        low <= point.band.split(".")[0] <= high
        for point, (low, high) in zip((short, long), limits, strict=True)
    )
    return replace(item, kind=Kind.HETEROMORPHISM) if within else item


def _read_shorthand(token: str) -> tuple[Abnormality, ...]:
    """Read what ISCN does not know and letters are full of."""
    if token.startswith(("complex", "komplex")):
        return (Abnormality(Kind.DESCRIBED_COMPLEX, uncertain=True),)
    if many := _MANY.match(token):
        fewest = int(many[2]) + (many[1] == ">")
        if fewest > 2:
            return (Abnormality(Kind.DESCRIBED_COMPLEX, uncertain=True, copies=fewest),)
    for form in (_spelt, _arm_minus, _signed_arm, _short_kind):
        item = form(token)
        if item is not None and item.chromosomes[0] in CHROMOSOMES:
            return (item,)
    return ()


def _spelt(token: str) -> Abnormality | None:
    found = _SPELT.fullmatch(token)
    if not found:
        return None
    sign = Sign.GAINED if found[1].startswith(("plus", "tris")) else Sign.LOST
    return Abnormality(Kind.NUMERICAL, (found[2].upper(),), sign=sign)


def _arm_minus(token: str) -> Abnormality | None:
    found = _ARM_MINUS.fullmatch(token)
    if not found:
        return None
    name = found[1].upper()
    kind = Kind.DELETION if found[4] == "-" else Kind.ADDITION
    return Abnormality(kind, (name,), (Breakpoint(name, found[2], _digits(found[3])),))


def _signed_arm(token: str) -> Abnormality | None:
    found = _SIGNED_ARM.fullmatch(token[1:])
    if not found or token[0] not in "+-":
        return None
    kind = Kind.DELETION if token[0] == "-" else Kind.DUPLICATION
    name = found[1].upper()
    return Abnormality(kind, (name,), _points(found[2], name))


def _short_kind(token: str) -> Abnormality | None:
    sign = Sign(token[0]) if token[:1] in {"+", "-"} else Sign.IN_PLACE
    found = _SHORT_KIND.fullmatch(token.lstrip("+-?"))
    kind = KINDS.get(found[1]) if found else None
    if not found or kind is None or kind in {Kind.TRANSLOCATION, Kind.MARKER}:
        return None
    name = found[2].upper()
    if kind is Kind.DELETION and name in {"X", "Y"} and not found[3]:
        return Abnormality(Kind.NUMERICAL, (name,), sign=Sign.LOST)
    return Abnormality(kind, (name,), _points(found[3] or "", name), sign=sign)
