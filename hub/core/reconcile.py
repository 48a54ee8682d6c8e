"""Which stored case is which derived one? Rows live on while the facts that make them are told better (design.md 7).

Cases of one kind and line group are the same where they share evidence. The answer does not depend on the order in
which anything is given, and asking again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hub.core.cases import Case


@dataclass(frozen=True, slots=True)
class StoredCase:
    """What is kept of a case between two derivations. void: why it is believed no more, None while it is.

    taken: names `step/recipient` of the steps that were taken. merged_into: the row that took it over.
    """

    id: int
    kind: str
    line_group: str
    opened_at: datetime
    evidence: tuple[str, ...]
    taken: frozenset[str] = frozenset()
    void: Literal["not_a_miss", "merged"] | None = None
    merged_into: int | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """The row goes on as this case. taken: steps that were taken by it or by rows that became part of it."""

    id: int
    case: Case
    taken: frozenset[str]
    revived: bool


@dataclass(frozen=True, slots=True)
class New:
    """A case without a row. taken: steps taken by a row that it was part of, not to be repeated."""

    case: Case
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Void:
    """The row is believed no more: no miss after all (R7), or part of another row (R8)."""

    id: int
    because: Literal["not_a_miss", "merged"]
    into: int | None
    taken: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What to do to the stored cases, each row once."""

    updates: tuple[Update, ...]
    new: tuple[New, ...]
    voids: tuple[Void, ...]


def reconcile(stored: Sequence[StoredCase], derived: Sequence[Case]) -> Reconciled:
    """Match derived cases with stored ones.

    One to one is an update. Of several rows for one case the earliest stays, the others become void (merged). Of
    several cases for one row the earliest keeps it; the others are new, or revive a void row of theirs, and inherit
    the steps taken. A row without a case is void (not a miss). Rows that are believed come before void ones.
    """
    rows = sorted(stored, key=_rank)
    cases = sorted(derived, key=lambda case: (case.opened_at, case.key, case.line_group))
    owner = _assigned(rows, cases)
    row_of = {number: row for row, number in owner.items()}
    by_id = {row.id: row for row in rows}
    merged = {row.id: _home(row, cases, row_of) for row in rows if row.id not in owner}
    updates: list[Update] = []
    new: list[New] = []
    for number, case in enumerate(cases):
        taken = frozenset[str]().union(*(row.taken for row in rows if _same(row, case)))
        if number in row_of:
            row = by_id[row_of[number]]
            updates.append(Update(row.id, case, taken, revived=row.void is not None))
        else:
            new.append(New(case, taken))
    return Reconciled(tuple(updates), tuple(new), tuple(_voids(rows, merged)))


def _rank(row: StoredCase) -> tuple[bool, datetime, int]:
    return (row.void is not None, row.opened_at, row.id)


def _same(row: StoredCase, case: Case) -> bool:
    return (row.kind, row.line_group) == (case.kind, case.line_group) and not set(row.evidence).isdisjoint(
        case.evidence
    )


def _assigned(rows: Sequence[StoredCase], cases: Sequence[Case]) -> dict[int, int]:
    """Row id → number of the case that it goes on as: the earliest case chooses first, the earliest row."""
    owner: dict[int, int] = {}
    for number, case in enumerate(cases):
        free = next((row for row in rows if row.id not in owner and _same(row, case)), None)
        if free is not None:
            owner[free.id] = number
    return owner


def _home(row: StoredCase, cases: Sequence[Case], row_of: dict[int, int]) -> int | None:
    """The row of the earliest case that shares evidence with a row that was left over."""
    return next((row_of[number] for number, case in enumerate(cases) if number in row_of and _same(row, case)), None)


def _voids(rows: Sequence[StoredCase], merged: dict[int, int | None]) -> Iterable[Void]:
    """The rows left over that did not already say so."""
    for row in sorted(rows, key=lambda row: row.id):
        if row.id not in merged:
            continue
        into = merged[row.id]
        because: Literal["not_a_miss", "merged"] = "not_a_miss" if into is None else "merged"
        if (row.void, row.merged_into) != (because, into):
            yield Void(row.id, because, into, row.taken)
