"""What a table's checks need from other tables: lives, visits, keys, concepts.

Everything is read once for all tables, cut to what they use: of a vocabulary of millions, only the
concepts that occur are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from haemony.quality.dqd.definitions import Check
from haemony.quality.dqd.views import PERSON, Frame, View

BORN, MIDYEAR, SEX, DEAD, DIED = "born on", "born about", "sex", "is dead", "died on"
VISITED, ARRIVED, LEFT = "has visit", "visit began", "visit ended"
VISIT = "visit_occurrence_id"

_BY_VALUE = {"isForeignKey", "fkDomain", "fkClass", "isStandardValidConcept"}
_BY_CONCEPT = {"plausibleGender", "plausibleGenderUseDescendants", "plausibleUnitConceptIds"}


@dataclass(frozen=True)
class Surroundings:
    """Every table, and what their checks share.

    Attributes:
        views: The tables that were brought, the vocabulary's among them.
        today: The day by which a date lies in the future.
        values: The distinct values of the fields whose checks look values up, by table and field.
        concepts: The concepts among these values: ``concept_id``, domain, class, standing.
        has_vocabulary: Whether concepts came with domain and standing; a list of labels is none.
        ancestors: Pairs of concepts among them, ``concept`` below ``above``.
        people: One row per person: birth, sex and death, as far as these tables were brought.
        visits: One row per visit: when it began and ended.
    """

    views: Mapping[str, View]
    today: date
    values: Mapping[tuple[str, str], pl.Series]
    concepts: pl.DataFrame
    has_vocabulary: bool
    ancestors: pl.DataFrame
    people: pl.DataFrame
    visits: pl.DataFrame

    @classmethod
    def of(cls, tables: Mapping[str, Frame], checks: Iterable[Check], today: date) -> Surroundings:
        """Read what the checks need of the tables."""
        views = {name: View.of(name, frame) for name, frame in tables.items()}
        asked = [check for check in checks if _is_asked(check, views)]
        values: dict[tuple[str, str], pl.Series] = {}
        for name, view in views.items():
            fields = sorted({check.field for check in asked if check.table == name})
            values |= {(name, field): s for field, s in _distinct(view, fields).items()}
        used = _used(asked, values)
        above = {concept for check in asked for concept in check.concepts}
        persons, deaths = _persons(views.get("person")), _deaths(views.get("death"))
        return cls(
            views,
            today,
            values,
            _concepts(views, used),
            _has_standard(views.get("concept")),
            _ancestors(views, used, above),
            persons.join(deaths, on=PERSON, how="full", coalesce=True),
            _visits(views.get("visit_occurrence")),
        )

    def keys(self, table: str, field: str) -> pl.Series:
        """The values that a foreign key may have."""
        if table == "concept":
            return self.concepts["concept_id"]
        view = self.views[table]
        return view.frame.select(view.value(field).alias(field).unique()).collect()[field]


def _is_asked(check: Check, views: Mapping[str, View]) -> bool:
    view = views.get(check.table)
    looked_up = check.type.name in _BY_VALUE | _BY_CONCEPT
    return looked_up and view is not None and bool(view.filled.get(check.field))


def _distinct(view: View, fields: list[str]) -> dict[str, pl.Series]:
    """The distinct values of every field, without null."""
    wanted = [view.frame.select(view.value(f).alias(f)).unique() for f in fields]
    found = pl.collect_all(wanted, engine="streaming")
    return {f: frame[f].drop_nulls() for f, frame in zip(fields, found, strict=True)}


def _used(checks: list[Check], values: Mapping[tuple[str, str], pl.Series]) -> pl.Series:
    """Every concept that occurs in a field that holds concepts."""
    places = {
        (check.table, check.field)
        for check in checks
        if check.type.name != "isForeignKey" or check.reference[0] == "concept"
    }
    found = [values[place] for place in sorted(places) if values[place].dtype == pl.Int64]
    empty = pl.Series("concept_id", [], pl.Int64)
    return pl.concat([empty, *(s.rename("concept_id") for s in found)]).unique()


_CONCEPT = {
    "concept_id": pl.Int64,
    "domain_id": pl.String,
    "concept_class_id": pl.String,
    "standard_concept": pl.String,
    "invalid_reason": pl.String,
}


def _concepts(views: Mapping[str, View], used: pl.Series) -> pl.DataFrame:
    view = views.get("concept")
    if view is None or "concept_id" not in view.filled:
        return pl.DataFrame(schema=_CONCEPT)
    columns = [
        pl.lit(None, pl.String).alias(name)
        if name not in view.filled
        else view.value(name).cast(dtype).replace("", None).alias(name)
        if dtype == pl.String
        else view.value(name).alias(name)
        for name, dtype in _CONCEPT.items()
    ]
    mine = used.to_frame().lazy()
    frame = view.frame.select(columns).join(mine, on="concept_id", how="semi")
    return frame.collect(engine="streaming").unique("concept_id", keep="any").sort("concept_id")


def _has_standard(view: View | None) -> bool:
    if view is None or not view.filled.get("standard_concept"):
        return False
    standard = (pl.col("standard_concept") == "S").any()
    return bool(view.frame.select(standard).collect(engine="streaming").item())


def _ancestors(views: Mapping[str, View], used: pl.Series, above: set[int]) -> pl.DataFrame:
    fields = {"ancestor_concept_id": "above", "descendant_concept_id": "concept"}
    view = views.get("concept_ancestor")
    if view is None or not fields.keys() <= view.filled.keys():
        return pl.DataFrame(schema=dict.fromkeys(fields.values(), pl.Int64))
    frame = view.frame.select(view.value(field).alias(name) for field, name in fields.items())
    roots = pl.Series("above", sorted(above), pl.Int64).to_frame().lazy()
    leaves = used.rename("concept").to_frame().lazy()
    kept = frame.join(roots, on="above", how="semi").join(leaves, on="concept", how="semi")
    return kept.unique().collect().sort("concept", "above")


def _persons(view: View | None) -> pl.DataFrame:
    if view is None or not view.has_persons:
        schema = {PERSON: pl.Int64, BORN: pl.Date, MIDYEAR: pl.Date, SEX: pl.Int64}
        return pl.DataFrame(schema=schema)
    day = _known(view, "birth_datetime", pl.Date())
    year = _known(view, "year_of_birth", pl.Int64())
    month, of_month = (_known(view, f"{part}_of_birth", pl.Int64()) for part in ("month", "day"))
    born = _date(year, month.fill_null(1), of_month.fill_null(1))
    persons = view.frame.select(
        view.value(PERSON).alias(PERSON),
        pl.coalesce(day, born).alias(BORN),
        pl.coalesce(day, _date(year, pl.lit(6), pl.lit(1))).alias(MIDYEAR),
        _known(view, "gender_concept_id", pl.Int64()).alias(SEX),
    )
    return persons.drop_nulls(PERSON).group_by(PERSON).min().collect()


def _date(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """A date, or nothing where there is no such day."""
    parts = (part.cast(pl.String).str.zfill(2) for part in (month, day))
    text = pl.concat_str(year.cast(pl.String).str.zfill(4), *parts, separator="-")
    return text.str.to_date("%Y-%m-%d", strict=False)


def _deaths(view: View | None) -> pl.DataFrame:
    if view is None or not view.has_persons or "death_date" not in view.filled:
        return pl.DataFrame(schema={PERSON: pl.Int64, DIED: pl.Date, DEAD: pl.Boolean})
    died, dead = view.value("death_date").alias(DIED), pl.lit(value=True).alias(DEAD)
    deaths = view.frame.select(view.value(PERSON).alias(PERSON), died, dead)
    return deaths.drop_nulls(PERSON).group_by(PERSON).min().collect()


def _visits(view: View | None) -> pl.DataFrame:
    if view is None or VISIT not in view.filled:
        schema = {VISIT: pl.Int64, ARRIVED: pl.Date, LEFT: pl.Date, VISITED: pl.Boolean}
        return pl.DataFrame(schema=schema)
    visits = view.frame.select(
        view.value(VISIT).alias(VISIT),
        _known(view, "visit_start_date", pl.Date()).alias(ARRIVED),
        _known(view, "visit_end_date", pl.Date()).alias(LEFT),
        pl.lit(value=True).alias(VISITED),
    )
    return visits.drop_nulls(VISIT).group_by(VISIT).min().collect()


def _known(view: View, field: str, dtype: pl.DataType) -> pl.Expr:
    return view.value(field) if field in view.filled else pl.lit(None, dtype)
