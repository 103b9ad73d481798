"""A target trial written down before it is emulated: who, from when, what is compared.

Treatment that begins during follow-up, as a transplant does, cannot be compared as "ever treated"
with "never treated": the treated had to live until then (immortal time). A `Trial` therefore knows
when the exposure began, not whether it ever did, and refuses criteria and confounders that look
ahead. `designs` holds the analyses; the naive one exists only under that name.

Hernán MA, Robins JM (2016) Using big data to emulate a target trial when a randomized trial is not
available. American Journal of Epidemiology 183:758-764. Suissa S (2008) Immortal time bias in
pharmacoepidemiology. American Journal of Epidemiology 167:492-499.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from haemony.analysis.causal.faults import LooksAhead, NobodyLeft, refuse_own
from haemony.analysis.causal.leftout import left_out
from haemony.analysis.causal.times import positive_time, times_of
from haemony.analysis.logistic import complete_columns, true_or_false
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.formula import Model
from haemony.analysis.survival.data.frames import Tabular, polars_table
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse

START, STOP, EVENT, PATIENT = "trial_start", "trial_stop", "trial_event", "trial_patient"
WEIGHT, NUMBER = "trial_weight", "trial_number"
FOLLOWED = f"Surv({START}, {STOP}, {EVENT})"
OWN = (START, STOP, EVENT, PATIENT, WEIGHT, NUMBER)
INCOMPLETE = "a variable is missing"
Earlier = Literal["leave out", "from the start"]


@dataclass(frozen=True, eq=False)
class Trial:
    """The question: one row per patient, all times counted from time zero.

    Attributes:
        origin: what time zero is, in words, such as "first complete remission".
        time: the column with the end of follow-up.
        event: the column that says whether it ended with the event.
        exposure_time: the column that says when the exposure began; null where it never did.
        exposure: its name in results, such as "transplant"; a plain word.
        confounders: covariates known at time zero, as a formula's right side, such as
            "age + eln + strata(study)"; empty for none.
        eligible: a condition known at time zero, or None for everybody.
        later: further columns that are known only after time zero and may not be used.
        horizon: when follow-up ends for everybody, if before the end of observation.
        unit: the unit of time.
        earlier: who was exposed before time zero takes no part ("leave out": a trial enrols nobody
            who has had the treatment), or counts as exposed from time zero ("from the start").
    """

    origin: str
    time: str
    event: str
    exposure_time: str
    exposure: str = "exposed"
    confounders: str = ""
    eligible: pl.Expr | None = None
    later: tuple[str, ...] = ()
    horizon: float | None = None
    unit: str = "days"
    earlier: Earlier = "leave out"

    def __post_init__(self) -> None:
        if not self.exposure.isidentifier():
            raise BadCovariate(
                "exposure", reason="is not a plain word", remedy='call it for example "transplant"'
            )
        if self.horizon is not None:
            positive_time(self.horizon, "horizon", "give a time, or None")
        check_choice(self.earlier, "earlier", get_args(Earlier))
        refuse_own((*self.model.columns[1:], self.exposure), OWN)
        future = {self.time, self.event, self.exposure_time, self.exposure, *self.later}
        self._refuse(self.covariates, "a confounder", future)
        if self.eligible is not None:
            self._refuse(tuple(self.eligible.meta.root_names()), "eligibility", future)

    def _refuse(self, columns: tuple[str, ...], role: str, future: set[str]) -> None:
        ahead = sorted(future.intersection(columns))
        if ahead:
            raise LooksAhead(ahead, role=role, origin=self.origin)

    @property
    def model(self) -> Model:
        """The confounders, read as a formula."""
        return formulas.read(f"Surv({STOP}, {STOP}) ~ {self.confounders or 1}")

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns that the confounders need."""
        return self.model.columns[1:]

    @property
    def plain_confounders(self) -> str:
        """The confounders as a formula's right side in which strata are ordinary categories."""
        terms = [*self.model.terms, *(f"C({name})" for name in self.model.strata)]
        return " + ".join(terms) or "1"

    def right_side(self, *terms: str) -> str:
        """A formula's right side: these terms, then the confounders."""
        given = [*terms, *([self.confounders] if self.confounders else [])]
        return " + ".join(given) or "1"

    def enrol(self, table: Tabular) -> Enrolled:
        """The patients of the trial, and why others are not.

        Raises:
            NothingToAnalyse: nobody is left.
            BadResponse: times are not numbers, or infinite.
        """
        eligible, attrition = _eligible(self, table)
        columns = [self.time, self.event, *self.covariates]
        needed = complete_columns(eligible, list(dict.fromkeys([*columns, self.exposure_time])))
        needed = needed.with_columns(
            times_of(needed, self.time), times_of(needed, self.exposure_time)
        )
        kept = needed.drop_nulls(list(dict.fromkeys(columns)))
        counts = {n: k for n in columns if (k := needed[n].null_count())}
        missing = Missing(needed.height - kept.height, counts)
        followed = kept.filter(pl.col(self.time) > 0)
        before = pl.col(self.exposure_time).fill_null(0) < 0
        early = followed.filter(before).height
        late = followed
        attrition += [
            (INCOMPLETE, missing.rows),
            (f"follow-up ends at or before {self.origin}", kept.height - followed.height),
        ]
        if self.earlier == "leave out":
            late = followed.filter(~before)
            attrition.append((f"{self.exposure} before {self.origin}", early))
        if late.is_empty():
            others = [(why, count) for why, count in attrition if why != INCOMPLETE]
            why = left_out(missing, others).removeprefix("left out: ") or "the table is empty"
            raise NothingToAnalyse(
                f"no patient of the trial from {self.origin} is left: {why}",
                remedy="check eligibility and the time origin",
            )
        notes = (_said_of_early(self, early),) if early else ()
        gone = tuple((why, n) for why, n in attrition if n)
        return Enrolled.of(self, late, missing, gone, notes)


@dataclass(frozen=True, eq=False)
class Enrolled:
    """The n patients of a trial.

    Attributes:
        trial: the question.
        rows: (n,) rows with the confounders.
        time: (n,) end of follow-up.
        event: (n,) whether it ended with the event.
        begins: (n,) when the exposure began; infinite if not before the end of follow-up.
        missing: rows left out as incomplete.
        attrition: (reason, rows) of all who were left out.
        notes: what a reader must know.
    """

    trial: Trial
    rows: pl.DataFrame
    time: Floats
    event: Flags
    begins: Floats
    missing: Missing
    attrition: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        trial: Trial,
        rows: pl.DataFrame,
        missing: Missing,
        attrition: tuple[tuple[str, int], ...],
        notes: tuple[str, ...] = (),
    ) -> Enrolled:
        """Read the times of the rows that are enrolled."""
        time = rows[trial.time].to_numpy()
        event = true_or_false(rows[trial.event])
        if trial.horizon is not None:
            event = event & (time <= trial.horizon)
            time = np.minimum(time, trial.horizon)
        begins = rows[trial.exposure_time].fill_null(float("inf")).clip(lower_bound=0).to_numpy()
        at_the_end = int(np.count_nonzero((begins >= time) & np.isfinite(begins)))
        if at_the_end:
            notes = (
                *notes,
                f"{trial.exposure} on the last day of follow-up or later counts as none "
                f"({at_the_end} of the patients)",
            )
        begins = np.where(begins < time, begins, np.inf)
        number = pl.Series(PATIENT, np.arange(len(time)))
        numbered = rows.select(number, *trial.covariates)
        return cls(trial, numbered, time, event, begins, missing, attrition, notes)

    @property
    def exposed(self) -> Flags:
        """(n,) whose exposure began during follow-up."""
        return np.isfinite(self.begins)

    def need_exposed(self) -> None:
        """Refuse a trial in which nobody is exposed during follow-up.

        Raises:
            NobodyLeft: nobody is.
        """
        if not self.exposed.any():
            raise NobodyLeft(
                self.trial.exposure, remedy="check the times of exposure and the eligibility"
            )

    def need_both(self, exposed: Flags, strategy: str) -> None:
        """Refuse a comparison of two groups of patients of which one is empty.

        Raises:
            NobodyLeft: nobody, or everybody, is exposed.
        """
        if not exposed.any() or exposed.all():
            name = f"not {strategy}" if exposed.any() else strategy
            raise NobodyLeft(name, remedy="check the times of exposure and the eligibility")

    def follow(
        self, who: np.ndarray, start: Floats, stop: Floats, event: Flags, **more: np.ndarray
    ) -> pl.DataFrame:
        """Rows of follow-up (start, stop] of patients by position, without the empty ones."""
        keep = stop > start
        times = {START: start.astype(np.float64), STOP: stop.astype(np.float64)}
        columns = times | {EVENT: event.astype(np.int64)} | more
        added = [pl.Series(name, values[keep]) for name, values in columns.items()]
        return self.rows[who[keep]].with_columns(added)


def _said_of_early(trial: Trial, count: int) -> str:
    who = f"{count:,} {'patient' if count == 1 else 'patients'} with {trial.exposure} before"
    if trial.earlier == "leave out":
        return (
            f"{who} {trial.origin} left out; earlier='from the start' would count them as exposed "
            f"from {trial.origin} on"
        )
    return f"{who} {trial.origin} counted as exposed from {trial.origin} on"


def _eligible(trial: Trial, table: Tabular) -> tuple[pl.DataFrame, list[tuple[str, int]]]:
    whole = polars_table(table)
    if trial.eligible is None:
        return whole, []
    complete_columns(whole, trial.eligible.meta.root_names())
    kept = whole.filter(trial.eligible)
    return kept, [("not eligible", whole.height - kept.height)]
