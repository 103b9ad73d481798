"""How well an endpoint is predicted."""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis import survival
from haemony.analysis.blocks import PredictionBlock
from haemony.analysis.clocks import Clock
from haemony.analysis.prediction import SplitValidated


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A group of patients that a model never saw, and how well it is told apart.

    Attributes:
        label: the group.
        n: its patients.
        events: their events.
        value: Harrell's C within it; None where the model failed or no pairs can be compared.
        std_err: its standard error.
    """

    label: str
    n: int
    events: int
    value: float | None
    std_err: float | None


@dataclass(frozen=True, slots=True)
class Predicted:
    """How well one model predicts.

    Attributes:
        model: its name.
        splits: in how many random splits it could be judged.
        mean: Harrell's C, mean over them; None without any.
        std_err: of the mean, allowing for splits that share patients (Nadeau and Bengio 2003).
        least: the lowest of them.
        greatest: the highest of them.
        within: mean standard error of C in one test part.
        left_out: C in each group that was left out.
        note: why it was not run; empty when it was.
    """

    model: str
    splits: int
    mean: float | None
    std_err: float | None
    least: float | None
    greatest: float | None
    within: float | None
    left_out: tuple[LeftOut, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class PredictionFound:
    """How well an endpoint is predicted.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        n: patients.
        events: their events.
        tested: patients in the test part of a random split; 0 without splits.
        columns: how many numbers the inputs make.
        models: what each model reaches.
        random: the random splits one by one; None without.
        groups: the groups left out one by one; None without.
        missing: members left out, and why.
        notes: which fits failed, and what else a reader must know.
    """

    block: PredictionBlock
    clock: Clock
    n: int
    events: int
    tested: int
    columns: int
    models: tuple[Predicted, ...]
    random: SplitValidated | None
    groups: SplitValidated | None
    missing: survival.Missing
    notes: tuple[str, ...]
