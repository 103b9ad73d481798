"""One analysis by one library, timed in a process of its own; `survival_speed.py` starts it.

It needs NumPy and that library alone, so that every library can live in its own environment:
`python survival_tasks.py LIBRARY TASK FOLDER`. Threads are set by the environment. Each library is
imported and has run once on a hundred patients before the clock starts. Printed is one JSON object:
CPU seconds, megabytes above what the process held before and in all, and the answer.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Answer = Sequence[float]
Run = Callable[[], Answer]
ENOUGH_SECONDS = 1.0
MOST_RUNS = 20
SAMPLES = 1000
FEW_SAMPLES = 10
WHEN = 1000.0


@dataclass(frozen=True)
class Patients:
    """Days, the kind of event (0 where censored) and covariates of n patients."""

    days: Array
    kind: Array
    x: Array

    @property
    def died(self) -> Array:
        """(n,) whether any event happened."""
        return self.kind > 0

    @property
    def group(self) -> Array:
        """(n,) two groups."""
        return self.x[:, 0] > 0

    @property
    def score(self) -> Array:
        """(n,) a score that falls with survival."""
        return self.x.sum(axis=1)

    def head(self, n: int) -> Patients:
        """The first n."""
        return Patients(self.days[:n], self.kind[:n], self.x[:n])

    def drawn(self, draw: np.random.Generator) -> Patients:
        """As many, drawn with replacement."""
        rows = draw.integers(0, len(self.days), len(self.days))
        return Patients(self.days[rows], self.kind[rows], self.x[rows])


def haemony(task: str, p: Patients) -> Run:
    """This package."""
    survival = import_module("haemony.analysis.survival")

    def surv() -> object:
        return survival.Surv.right(p.days, p.died)

    def competing() -> object:
        return survival.Surv.right(p.days, p.kind, states=("relapse", "death"))

    def cox() -> Answer:
        fit = survival.cox(surv(), covariates=p.x)
        return [*fit.coefficients, *fit.standard_errors]

    def km() -> Answer:
        curve = survival.kaplan_meier(surv()).curves[0]
        at = np.searchsorted(curve.times, WHEN, side="right") - 1
        return [curve.survival[at], curve.std_err[at]]

    def incidence() -> Answer:
        curve = survival.aalen_johansen(competing()).curves[0]
        at = np.searchsorted(curve.times, WHEN, side="right") - 1
        return [*curve.incidence[at], *curve.std_err[at]]

    def c() -> Answer:
        found = survival.concordance(surv(), score=p.score, higher="shorter")
        return [found.value, found.std_err]

    def fine_gray() -> Answer:
        module = import_module("haemony.analysis.survival.competing.fine_gray")
        fit = module.fine_gray(competing(), covariates=p.x, cause="relapse")
        return [*fit.coefficients, *fit.standard_errors]

    def samples() -> Answer:
        fit = survival.cox(surv(), covariates=p.x)
        bootstrap = import_module("haemony.analysis.survival.regression.resampling").bootstrap
        return [float(bootstrap(fit, repeats=SAMPLES).std_err[0])]

    return {
        "Cox": cox,
        "Kaplan–Meier": km,
        "log-rank": lambda: [survival.logrank(surv(), groups=p.group).statistic],
        "Aalen–Johansen with SE": incidence,
        "concordance with SE": c,
        "Fine–Gray": fine_gray,
        "1,000 bootstraps of Cox": samples,
    }[task]


def lifelines(task: str, p: Patients) -> Run:
    """The library lifelines."""
    ll, pd = import_module("lifelines"), import_module("pandas")
    logrank_test = import_module("lifelines.statistics").logrank_test
    concordance_index = import_module("lifelines.utils").concordance_index

    def frame(q: Patients) -> object:
        return pd.DataFrame(q.x).assign(days=q.days, died=q.died)

    table = frame(p)

    def cox(data: object = table) -> Answer:
        fit = ll.CoxPHFitter().fit(data, "days", "died")
        return [*fit.params_, *fit.standard_errors_]

    def km() -> Answer:
        fit = ll.KaplanMeierFitter().fit(p.days, p.died)
        return [float(fit.survival_function_at_times(WHEN).iloc[0])]

    def incidence() -> Answer:
        fits = [ll.AalenJohansenFitter().fit(p.days, p.kind, event_of_interest=k) for k in (1, 2)]
        return [float(fit.cumulative_density_.loc[:WHEN].iloc[-1, 0]) for fit in fits]

    def compared() -> Answer:
        g = p.group
        return [logrank_test(p.days[g], p.days[~g], p.died[g], p.died[~g]).test_statistic]

    return {
        "Cox": cox,
        "Kaplan–Meier": km,
        "log-rank": compared,
        "Aalen–Johansen with SE": incidence,
        "concordance with SE": lambda: [concordance_index(p.days, -p.score, p.died)],
        "1,000 bootstraps of Cox": lambda: few_samples(p, lambda q: cox(frame(q))),
    }[task]


def scikit_survival(task: str, p: Patients) -> Run:
    """The library scikit-survival, without the standard errors that it does not have."""
    names = ("compare", "linear_model", "metrics", "nonparametric", "util")
    compare, linear_model, metrics, nonparametric, util = (
        import_module(f"sksurv.{name}") for name in names
    )
    y = util.Surv.from_arrays(p.died, p.days)

    def cox(q: Patients = p) -> Answer:
        model = linear_model.CoxPHSurvivalAnalysis(ties="efron")
        return list(model.fit(q.x, util.Surv.from_arrays(q.died, q.days)).coef_)

    def km() -> Answer:
        times, values, _ = nonparametric.kaplan_meier_estimator(p.died, p.days, conf_type="log-log")
        return [values[np.searchsorted(times, WHEN, side="right") - 1]]

    def incidence() -> Answer:
        times, values, _ = nonparametric.cumulative_incidence_competing_risks(
            p.kind, p.days, conf_type="log-log"
        )
        return list(values[1:, np.searchsorted(times, WHEN, side="right") - 1])

    def c() -> Answer:
        return [metrics.concordance_index_censored(p.died, p.days, p.score)[0]]

    return {
        "Cox": cox,
        "Kaplan–Meier": km,
        "log-rank": lambda: [compare.compare_survival(y, p.group)[0]],
        "Aalen–Johansen with SE": incidence,
        "concordance with SE": c,
        "1,000 bootstraps of Cox": lambda: few_samples(p, cox),
    }[task]


def statsmodels(task: str, p: Patients) -> Run:
    """The library statsmodels."""
    hazard_regression = import_module("statsmodels.duration.hazard_regression")
    survfunc = import_module("statsmodels.duration.survfunc")
    died = p.died.astype(float)

    def cox(q: Patients = p) -> Answer:
        model = hazard_regression.PHReg(q.days, q.x, q.died.astype(float), ties="efron")
        fit = model.fit()
        return [*fit.params, *fit.bse]

    def km() -> Answer:
        fit = survfunc.SurvfuncRight(p.days, died)
        at = np.searchsorted(fit.surv_times, WHEN, side="right") - 1
        return [fit.surv_prob[at], fit.surv_prob_se[at]]

    def incidence() -> Answer:
        fit = survfunc.CumIncidenceRight(p.days, p.kind)
        at = np.searchsorted(fit.times, WHEN, side="right") - 1
        return [values[at] for values in (*fit.cinc, *fit.cinc_se)]

    return {
        "Cox": cox,
        "Kaplan–Meier": km,
        "log-rank": lambda: [survfunc.survdiff(p.days, died, p.group)[0]],
        "Aalen–Johansen with SE": incidence,
        "1,000 bootstraps of Cox": lambda: few_samples(p, cox),
    }[task]


LIBRARIES = {
    "haemony": haemony,
    "lifelines": lifelines,
    "scikit-survival": scikit_survival,
    "statsmodels": statsmodels,
}


def few_samples(p: Patients, cox: Callable[[Patients], Answer]) -> Answer:
    """Refit to a few samples; the time is that of a thousand divided by `SAMPLES / FEW_SAMPLES`."""
    draw = np.random.default_rng(0)
    first = [cox(p.drawn(draw))[0] for _ in range(FEW_SAMPLES)]
    return [float(np.std(first))]


def read(folder: Path) -> Patients:
    """The patients that `survival_speed.py` wrote."""
    days, kind, x = (np.fromfile(folder / name) for name in ("days", "kind", "x"))
    return Patients(days, kind.astype(np.int64), x.reshape(-1, len(days)).T.copy())


def status(field: str) -> float:
    """A size that Linux tells of this process, in megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return float(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def measure(library: str, task: str, folder: Path) -> dict[str, object]:
    """Run once for the memory, and as often as a second allows for the best time."""
    patients = read(folder)
    LIBRARIES[library](task, patients.head(min(200, len(patients.days))))
    if library == "haemony" or not task.startswith("1,000"):
        few = patients.head(400)
        LIBRARIES[library](task, Patients(few.days, few.kind, few.x[:, :2]))()
    run = LIBRARIES[library](task, patients)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = status("VmRSS")
    times: list[float] = []
    answer: Answer = []
    peak = 0.0
    while not times or (sum(times) < ENOUGH_SECONDS and len(times) < MOST_RUNS):
        begun = process_time()
        answer = run()
        times.append(process_time() - begun)
        peak = peak or status("VmHWM")
    scale = SAMPLES / FEW_SAMPLES if task.startswith("1,000") and library != "haemony" else 1
    return {
        "seconds": min(times) * scale,
        "megabytes": peak - before,
        "peak": peak,
        "answer": [float(value) for value in answer],
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
