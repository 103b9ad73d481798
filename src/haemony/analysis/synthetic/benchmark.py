"""The benchmark population: many in-silico trial groups of differing sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from haemony.analysis.synthetic.draws import generator
from haemony.analysis.synthetic.trial_group import write_trial_group
from haemony.model.errors import UsageError

_FEWEST = 20
_SEEDS = 1_000_000


class TooManyContributions(UsageError):
    """There are not enough patients for so many contributions."""

    def __init__(self, patients: int, contributions: int) -> None:
        self.patients, self.contributions = patients, contributions
        super().__init__(
            f"{patients} patients cannot fill {contributions} contributions of {_FEWEST} or more; "
            "ask for fewer contributions or more patients"
        )


def sizes(patients: int, contributions: int, seed: int) -> tuple[int, ...]:
    """How many patients each contribution brings: few large ones, many small ones.

    Example:
        >>> sum(sizes(1000, 7, seed=1)), len(sizes(1000, 7, seed=1))
        (1000, 7)
    """
    if contributions < 1 or patients < contributions * _FEWEST:
        raise TooManyContributions(patients, contributions)
    weight = 0.2 + generator(seed).random(contributions) ** 2
    spare = patients - contributions * _FEWEST
    whole = np.floor(spare * weight / weight.sum()).astype(int)
    whole[: spare - int(whole.sum())] += 1
    return tuple(int(it) + _FEWEST for it in whole)


def write_benchmark(
    folder: Path, patients: int = 153_000, contributions: int = 60, seed: int = 1
) -> tuple[Path, ...]:
    """Write the benchmark population.

    Args:
        folder: Where; one folder per contribution is made in it.
        patients: In all contributions together.
        contributions: How many, of differing sizes.
        seed: Whole number from which everything follows.

    Returns:
        The folders, ``bench-001`` first.

    Raises:
        TooManyContributions: When fewer than 20 patients would fall to each.
    """
    written = []
    for place, size in enumerate(sizes(patients, contributions, seed), start=1):
        name = f"bench-{place:03d}"
        partner = f"In-silico benchmark partner {place:03d}"
        written.append(
            write_trial_group(
                folder / name,
                identifier=name,
                partner=partner,
                patients=size,
                seed=seed * _SEEDS + place,
            )
        )
    return tuple(written)
