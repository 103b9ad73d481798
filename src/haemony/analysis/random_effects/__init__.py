"""Cox models with hundreds of correlated covariates, shrunk group by group.

>>> import numpy as np
>>> from haemony.analysis import random_effects, survival
>>> rng = np.random.default_rng(1)
>>> genes = rng.random((300, 20)) < 0.2
>>> effects = rng.normal(0.2, 0.4, 20)
>>> days = rng.exponential(np.exp(-(genes @ effects)))
>>> fit = random_effects.cox(
...     survival.Surv.right(days, np.ones(300)), covariates=genes,
...     names=[f"gene {i}" for i in range(20)],
...     groups={"genes": [f"gene {i}" for i in range(20)]},
... )
>>> fit.converged, bool(0.2 < fit.variances[0] ** 0.5 < 0.6)
(True, True)
"""

from haemony.analysis.random_effects.cox import LogLikelihoods, RandomEffects, cox

__all__ = ["LogLikelihoods", "RandomEffects", "cox"]
