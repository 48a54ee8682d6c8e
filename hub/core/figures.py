"""What is a figure: a number, what it was counted from, and what was left out by which rule (metrics.md 11.1).

A figure without anything below its line is None, never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]
FEW = 5
"""Below so many values a percentile says little: they are shown themselves."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and what it was counted from. n: below the line; of a percentile, of the values.

    counted: references. left_out: (reference, the rule that left it out). more: what else belongs to the figure.
    """

    value: float | None
    n: int
    definition: str
    counted: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def row(self, *, members: bool) -> dict[str, Any]:
        row = {"value": self.value, "n": self.n, "definition": self.definition, **self.more}
        if members:
            row["counted"] = list(self.counted)
            row["left_out"] = [{"ref": ref, "rule": rule} for ref, rule in self.left_out]
        return row


def sorted_out(rows: Iterable[Row], rule: Callable[[Row], str | None]) -> tuple[list[Row], list[tuple[str, str]]]:
    """(rows that count, (reference, why it does not) of the others)."""
    counted: list[Row] = []
    left_out: list[tuple[str, str]] = []
    for row in rows:
        why = rule(row)
        if why is None:
            counted.append(row)
        else:
            left_out.append((row["ref"], why))
    return counted, left_out


def refs(rows: Iterable[Row]) -> tuple[str, ...]:
    """What the rows are called."""
    return tuple(row["ref"] for row in rows)


def count(rows: Iterable[Row], holds: Callable[[Row], bool], n: int | None, definition: str) -> Figure:
    """How many there are. n: below the line, None: as many."""
    found = [row for row in rows if holds(row)]
    return Figure(len(found), len(found) if n is None else n, definition, refs(found))


def share(
    good: Sequence[Row], below: Sequence[Row], definition: str, left_out: Sequence[tuple[str, str]] = ()
) -> Figure:
    """Part of a whole; None of nothing."""
    value = len(good) / len(below) if below else None
    return Figure(value, len(below), definition, refs(below), tuple(left_out), {"above": len(good)})


def percentile(values: Sequence[int], percent: int) -> int | None:
    """The nearest rank: a value that is really there. `values` ascending."""
    rank = -(-percent * len(values) // 100)
    return values[max(rank, 1) - 1] if values else None


def percentile_of(rows: Sequence[tuple[str, int]], percent: int, what: str, left: Sequence[tuple[str, str]]) -> Figure:
    """A percentile over (reference, value), with the values themselves where there are few."""
    values = sorted(value for _, value in rows)
    more = {"values": values} if len(values) < FEW else {}
    refs = tuple(ref for ref, _ in rows)
    return Figure(percentile(values, percent), len(values), f"p{percent} of {what}", refs, tuple(left), more)
