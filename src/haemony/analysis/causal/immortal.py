"""Finds immortal time: follow-up that a group could only live through because it was treated later.

Suissa S (2008) Immortal time bias in pharmacoepidemiology. American Journal of Epidemiology
167:492-499. Anderson JR, Cain KC, Gelber RD (1983) Analysis of survival by tumor response. Journal
of Clinical Oncology 1:710-719.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis.causal.leftout import left_out
from haemony.analysis.causal.times import times_of
from haemony.analysis.logistic import complete_columns
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.faults import NothingToAnalyse


@dataclass(frozen=True, slots=True)
class ImmortalTime:
    """How much follow-up would be credited wrongly if the exposure were called a baseline one.

    Attributes:
        exposure: the column with the time of exposure.
        n: patients with known follow-up.
        exposed: patients exposed at any time.
        late: of them, those exposed after time zero.
        median_delay: median time to exposure of these; None when there are none.
        credited: their follow-up before exposure, in the unit of the times.
        share: this as a share of all follow-up of the exposed.
        warning: what is wrong and what to do, or None.
        missing: rows left out because the end of follow-up is not known.
    """

    exposure: str
    n: int
    exposed: int
    late: int
    median_delay: float | None
    credited: float
    share: float
    warning: str | None
    missing: Missing

    def table(self) -> pl.DataFrame:
        """One row with the figures."""
        return pl.DataFrame(
            [
                {
                    "exposure": self.exposure,
                    "n": self.n,
                    "exposed": self.exposed,
                    "late": self.late,
                    "median_delay": self.median_delay,
                    "credited": self.credited,
                    "share": self.share,
                }
            ],
            schema_overrides={"median_delay": pl.Float64},
        )

    def __str__(self) -> str:
        """The warning, or that there is none."""
        said = self.warning or f"{self.exposure}: no exposure begins after time zero"
        return printing.page(said, left_out(self.missing))


def immortal_time(table: Tabular, exposure_time: str, time: str) -> ImmortalTime:
    """Warn if an exposure that begins during follow-up is about to be used as a baseline group.

    Args:
        table: one row per patient.
        exposure_time: when the exposure began, counted from time zero; null where it never did.
        time: the end of follow-up, counted from time zero.

    Raises:
        BadResponse: a time is not numeric, or infinite.
        NothingToAnalyse: the end of follow-up is known of nobody.

    >>> table = pl.DataFrame({"days": [30.0, 400.0, 500.0], "transplant_day": [None, 120.0, 90.0]})
    >>> found = immortal_time(table, "transplant_day", "days")
    >>> found.late, round(found.share, 2)
    (2, 0.23)
    """
    given = complete_columns(table, [exposure_time, time])
    both = given.with_columns(times_of(given, exposure_time), times_of(given, time))
    lacking = both[time].null_count()
    end = both[time].drop_nulls().to_numpy()
    if not end.size:
        raise NothingToAnalyse(
            f"nobody has a time {time!r}", remedy="name the column with the end of follow-up"
        )
    begins = both.drop_nulls(time)[exposure_time].fill_null(float("inf")).to_numpy()
    exposed = np.isfinite(begins)
    late = exposed & (begins > 0)
    credited = float(np.minimum(begins[late], end[late]).clip(min=0).sum())
    lived = float(end[exposed].clip(min=0).sum())
    delay = float(np.median(begins[late])) if late.any() else None
    return ImmortalTime(
        exposure=exposure_time,
        n=len(end),
        exposed=int(exposed.sum()),
        late=int(late.sum()),
        median_delay=delay,
        credited=credited,
        share=credited / lived if lived else 0.0,
        warning=_warning(exposure_time, int(late.sum()), int(exposed.sum()), delay),
        missing=Missing(lacking, {time: lacking} if lacking else {}),
    )


def _warning(exposure: str, late: int, exposed: int, delay: float | None) -> str | None:
    if not late:
        return None
    return (
        f"immortal time: {late} of {exposed} exposed patients were exposed after time zero "
        f"(median {delay:g} later), so they had to live until then; called exposed from the start, "
        f"{exposure!r} shows a benefit that is not there: use time_dependent, landmark, "
        f"sequential_trials or clone_censor_weight"
    )
