"""Small tables that people edit in a spreadsheet, read strictly.

The element catalogue, its values, genes, rules and endpoints are CSV files that a haematologist
can open. They are our own files, so a slip in them is a programming error: it is named with its
file and line, and nothing is guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable

from haemony.model.errors import UsageError


class TableSlip(UsageError):
    """A line of one of the project's own tables cannot be understood."""

    def __init__(self, table: str, line: int, reason: str) -> None:
        self.table, self.line, self.reason = table, line, reason
        super().__init__(f"{table}, line {line}: {reason}; correct the line and try again")


def rows(file: Traversable) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Give every line of a CSV table with its line number.

    Args:
        file: The table; its first line names the columns.

    Yields:
        The line number and the cells by column, stripped of surrounding blanks.

    Raises:
        TableSlip: When a line has more or fewer cells than there are columns.
    """
    reader = csv.reader(file.read_text(encoding="utf-8").splitlines())
    header = next(reader)
    for cells in reader:
        if len(cells) != len(header):
            reason = f"{len(cells)} cells where {len(header)} columns are declared"
            raise TableSlip(file.name, reader.line_num, reason)
        yield reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))
