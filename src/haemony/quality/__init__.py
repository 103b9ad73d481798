"""Quality: public rules over source, elements and CDM, and the level a contribution reaches."""

from haemony.quality.grade import Graded, Level, grade

__all__ = ["Graded", "Level", "grade"]
