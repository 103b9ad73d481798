"""What an attack has shown: how often it was right, and how much of that the release gave away.

An attack that is right about somebody whose data were never released has learned about people, not
from that person's row. So every attack is made on members (their rows went into the release) and on
a control (people of the same population whose rows did not), and only the excess counts:

    excess = (rate on members - rate on control) / (1 - rate on control)

(Giomi, Boenisch, Wehmeyer, Tasnádi 2023, doi:10.56553/popets-2023-0055, section 4.2). It is one
minus the ratio of two shares of failures, so its interval is the score interval of a ratio of
binomial shares (Koopman 1984, doi:10.2307/2531405), turned round. The paper propagates errors to
first order instead, which is too narrow where a rate comes near 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist
from typing import Self

import polars as pl
from scipy.optimize import brentq

from haemony.privacy.attacks.faults import BadAttack


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower bound.
        high: Upper bound.
        confidence: How often such intervals hold the truth.
    """

    low: float
    high: float
    confidence: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Rate:
    """How often attempts were right.

    Attributes:
        successes: Attempts that were right.
        attempts: All attempts.

    Raises:
        BadAttack: When there is no attempt, or more successes than attempts.

    Example:
        >>> rate = Rate(81, 263)
        >>> round(rate.share, 4), [round(end, 4) for end in (rate.wilson().low, rate.wilson().high)]
        (0.308, [0.2553, 0.3662])
    """

    successes: int
    attempts: int

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.successes <= self.attempts:
            raise BadAttack(
                f"{self.successes} successes in {self.attempts} attempts are no rate",
                remedy="make at least one attempt and count each once",
            )

    @property
    def share(self) -> float:
        """Successes per attempt."""
        return self.successes / self.attempts

    @property
    def failures(self) -> int:
        """Attempts that were wrong."""
        return self.attempts - self.successes

    def wilson(self, confidence: float = 0.95) -> Interval:
        """The score interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
        z = _quantile(confidence)
        n, p = self.attempts, self.share
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low = 0.0 if self.successes == 0 else centre - half
        high = 1.0 if self.failures == 0 else centre + half
        return Interval(low, high, confidence)


@dataclass(frozen=True, slots=True)
class Excess:
    """How much more often an attack is right about members, as a share of what was left to gain.

    Attributes:
        estimate: 1 when it is always right about members, 0 when as often as about the control,
            below 0 when less often; nan when it is always right about the control, as nothing is
            left to gain then.
        interval: Its score interval; it is not cut off at 0.
    """

    estimate: float
    interval: Interval

    @classmethod
    def of(
        cls, members: Rate, control: Rate, confidence: float = 0.95, spread: float = 1.0
    ) -> Self:
        """Measure the excess of one rate over another.

        The two rates are read as independent binomial shares. The bounds are the ratios of failures
        at which the score statistic reaches the quantile, found to 1e-12.

        Args:
            members: How often the attack was right about members.
            control: How often about the control.
            confidence: How often such intervals hold the truth.
            spread: How many times the variance of independent attempts is theirs; the score
                statistic is divided by it.

        Example:
            >>> excess = Excess.of(Rate(160, 200), Rate(100, 200))
            >>> round(excess.estimate, 3)
            0.6
            >>> round(excess.interval.low, 3), round(excess.interval.high, 3)
            (0.458, 0.708)
        """
        low, high = ratio_interval(
            members.failures,
            members.attempts,
            control.failures,
            control.attempts,
            confidence,
            spread,
        )
        estimate = (
            1 - (members.failures / members.attempts) * control.attempts / control.failures
            if control.failures
            else math.nan
        )
        return cls(estimate, Interval(1 - high, 1 - low, confidence))


def ratio_interval(
    count: int,
    of: int,
    count_below: int,
    of_below: int,
    confidence: float = 0.95,
    spread: float = 1.0,
) -> tuple[float, float]:
    """The score interval of the ratio of two binomial shares (Koopman 1984).

    Args:
        count: Events in the share above the line.
        of: Out of how many.
        count_below: Events in the share below the line.
        of_below: Out of how many.
        confidence: How often such intervals hold the truth.
        spread: How many times the variance of binomial shares is theirs.

    Returns:
        Both bounds; the lower is 0 without events above the line, the upper infinite without events
        below it.

    Example:
        >>> [round(bound, 3) for bound in ratio_interval(36, 40, 16, 80)]
        [2.94, 7.152]
    """
    critical = spread * _quantile(confidence) ** 2

    def beyond(log_ratio: float) -> float:
        return _score(math.exp(log_ratio), count, of, count_below, of_below) - critical

    if count and count_below:
        middle = math.log(count * of_below / (of * count_below))
    else:
        middle = math.log((count + 0.5) * (of_below + 1) / ((of + 1) * (count_below + 0.5)))
    low = 0.0 if count == 0 else math.exp(_crossing(beyond, middle, -1.0))
    high = math.inf if count_below == 0 else math.exp(_crossing(beyond, middle, 1.0))
    return low, high


def _score(ratio: float, x: int, n: int, y: int, m: int) -> float:
    """Koopman's chi-square that the shares x/n and y/m stand in a ratio."""
    a, b = (n + m) * ratio, n * ratio + x + m + y * ratio
    root = math.sqrt(max(b * b - 4 * a * (x + y), 0.0))
    below = 2 * (x + y) / (b + root)
    above = ratio * below
    variance = above * (1 - above) / n + ratio * ratio * below * (1 - below) / m
    distance = (x / n - ratio * y / m) ** 2
    if variance <= 0:
        return 0.0 if distance < 1e-24 else math.inf
    return distance / variance


def _crossing(beyond: Callable[[float], float], start: float, step: float) -> float:
    """Where a function that is negative at the start becomes positive, going one way."""
    here, there = start, start + step
    while beyond(there) < 0:
        here, there, step = there, there + 2 * step, 2 * step
    return float(brentq(beyond, here, there, xtol=1e-12))


class Attack(Enum):
    """The three risks that the Article 29 Working Party names in Opinion 05/2014."""

    SINGLING_OUT = "singling out"
    LINKABILITY = "linkability"
    INFERENCE = "inference"


class Verdict(Enum):
    """What an interval says about a tolerated excess."""

    LEAKS = "leaks"
    """The whole interval lies above what is tolerated."""

    UNDECIDED = "undecided"
    """The interval holds what is tolerated: more attempts would tell."""

    WITHIN = "within"
    """The whole interval lies at or below what is tolerated."""


@dataclass(frozen=True)
class Outcome:
    """What one attack has shown.

    Attributes:
        attack: Which of the three.
        aim: What it was after: a column, two sets of columns, a kind of predicate.
        on_members: How often it was right about people whose rows were released.
        on_control: How often about people whose rows were not.
        by_guessing: How often guesses were right that make no use of what is known of the target.
        confidence: Of the intervals.
        spread: How many times the variance of independent attempts is that of these: above 1 where
            attempts are about the same people.
    """

    attack: Attack
    aim: str
    on_members: Rate
    on_control: Rate
    by_guessing: Rate
    confidence: float = 0.95
    spread: float = 1.0

    @property
    def excess(self) -> Excess:
        """How much more often it was right about members than about the control."""
        return Excess.of(self.on_members, self.on_control, self.confidence, self.spread)

    @property
    def beats_guessing(self) -> bool:
        """Whether it was right about members more often than guesses.

        Where it was not, the attack was too weak to show anything: a small excess is no comfort.
        """
        return self.on_members.share > self.by_guessing.share

    def verdict(self, tolerated: float = 0.0) -> Verdict:
        """Compare the interval of the excess with what is tolerated.

        Args:
            tolerated: The excess that a policy accepts.

        Raises:
            BadAttack: When it is not a share below 1.

        Example:
            >>> copied = Outcome(Attack.INFERENCE, "NPM1", Rate(99, 100), Rate(60, 100),
            ...                  Rate(50, 100))
            >>> copied.verdict(tolerated=0.1)
            <Verdict.LEAKS: 'leaks'>
        """
        if not 0 <= tolerated < 1:
            raise BadAttack(f"the tolerated excess is {tolerated}", remedy="choose a share below 1")
        interval = self.excess.interval
        if interval.low > tolerated:
            return Verdict.LEAKS
        return Verdict.WITHIN if interval.high <= tolerated else Verdict.UNDECIDED


def outcome_table(outcomes: Iterable[Outcome], tolerated: float = 0.0) -> pl.DataFrame:
    """Outcomes as a table to publish, one row each, with the verdict.

    Args:
        outcomes: What the attacks have shown.
        tolerated: The excess that a policy accepts.

    Example:
        >>> copied = Outcome(Attack.INFERENCE, "NPM1", Rate(99, 100), Rate(60, 100), Rate(50, 100))
        >>> outcome_table([copied]).select("attack", "excess", "verdict").rows()
        [('inference', 0.975, 'leaks')]
    """
    rows = []
    for outcome in outcomes:
        excess = outcome.excess
        rows.append(
            {
                "attack": outcome.attack.value,
                "aim": outcome.aim,
                "attempts": outcome.on_members.attempts,
                "members": outcome.on_members.share,
                "control": outcome.on_control.share,
                "guessing": outcome.by_guessing.share,
                "excess": excess.estimate,
                "low": excess.interval.low,
                "high": excess.interval.high,
                "confidence": outcome.confidence,
                "spread": outcome.spread,
                "verdict": outcome.verdict(tolerated).value,
            }
        )
    return pl.DataFrame(rows)


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise BadAttack(f"the confidence is {confidence}", remedy="choose a share, such as 0.95")
    return NormalDist().inv_cdf((1 + confidence) / 2)
