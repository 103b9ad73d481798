"""The check types of OHDSI's DataQualityDashboard on any OMOP tables, without R and a database.

The check names, ids, thresholds and the facts behind them (bounds, domains, plausible units, which
concepts belong to one sex) are those of the R package DataQualityDashboard 2.8.4 for CDM 5.4
(https://github.com/OHDSI/DataQualityDashboard, Apache License 2.0), so that results compare line by
line. All words are our own; of concepts only the ids are kept.
"""

from haemony.quality.dqd.results import Impact, Result, Results, Status
from haemony.quality.dqd.run import run
from haemony.quality.dqd.thresholds import Thresholds

__all__ = ["Impact", "Result", "Results", "Status", "Thresholds", "run"]
