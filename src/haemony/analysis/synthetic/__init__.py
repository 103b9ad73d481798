"""In-silico contributions drawn from published margins, for demonstrations and benchmarks."""

from haemony.analysis.synthetic.aml import Population, TooFewPatients, call_variants, draw_aml
from haemony.analysis.synthetic.benchmark import TooManyContributions, write_benchmark
from haemony.analysis.synthetic.contribution import Shape, write_contribution
from haemony.analysis.synthetic.identities import Errors, NoOverlap, TwoSources, draw_sources
from haemony.analysis.synthetic.margins import Margins, NoMargin, aml_margins

__all__ = [
    "Errors",
    "Margins",
    "NoMargin",
    "NoOverlap",
    "Population",
    "Shape",
    "TooFewPatients",
    "TooManyContributions",
    "TwoSources",
    "aml_margins",
    "call_variants",
    "draw_aml",
    "draw_sources",
    "write_benchmark",
    "write_contribution",
]
