"""How are the cards of one kind kept, so that a page of them is found without a look at all the others?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import TypeVar

from sandbox.amocrm.search import Search
from sandbox.amocrm.types import Json

_Key = TypeVar("_Key", int, tuple[int, int])
LATEST = 2**62
"""A moment after all others."""


class Table:
    """Rows by id, with an index by `updated_at`; deleted rows lie in `trash` until they are restored."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.rows: dict[int, Json] = {}
        self.trash: dict[int, Json] = {}
        self.ids: list[int] = []
        self.search = Search()
        self._updated: list[tuple[int, int]] = []

    def load(self, rows: Iterable[Json]) -> None:
        """Put in many at once."""
        self.rows.update((row["id"], row) for row in rows)
        self.ids = sorted(self.rows)
        self._updated = sorted((row["updated_at"], row["id"]) for row in self.rows.values())

    def add(self, row: Json) -> None:
        self.rows[row["id"]] = row
        insort(self.ids, row["id"])
        insort(self._updated, (row["updated_at"], row["id"]))
        self.search.put(row)

    def change(self, row: Json, changes: Json) -> None:
        """Write into a row; the only way to do so."""
        before = row["updated_at"]
        row.update(changes)
        if row["updated_at"] != before:
            _take(self._updated, (before, row["id"]))
            insort(self._updated, (row["updated_at"], row["id"]))
        self.search.put(row)

    def delete(self, row: Json) -> None:
        del self.rows[row["id"]]
        _take(self.ids, row["id"])
        _take(self._updated, (row["updated_at"], row["id"]))
        self.search.drop(row["id"])
        self.trash[row["id"]] = row

    def restore(self, row: Json) -> None:
        del self.trash[row["id"]]
        self.add(row)

    def updated(self, since: int = 0, until: int = LATEST) -> list[int]:
        """Ids of the rows changed in a range, both ends included, oldest change first."""
        begin = bisect_left(self._updated, (since, 0))
        end = bisect_right(self._updated, (until, LATEST))
        return [id for _, id in self._updated[begin:end]]

    def updated_count(self, since: int, until: int) -> int:
        return bisect_right(self._updated, (until, LATEST)) - bisect_left(self._updated, (since, 0))

    def updated_page(self, since: int, until: int, offset: int, limit: int, *, newest_first: bool) -> list[int]:
        """A page of `updated`, without a look at the other pages."""
        begin = bisect_left(self._updated, (since, 0))
        end = bisect_right(self._updated, (until, LATEST))
        if newest_first:
            part: Sequence[tuple[int, int]] = self._updated[max(begin, end - offset - limit) : max(begin, end - offset)]
            return [id for _, id in reversed(part)]
        return [id for _, id in self._updated[begin + offset : min(end, begin + offset + limit)]]


def _take(index: list[_Key], key: _Key) -> None:
    at = bisect_left(index, key)
    if at < len(index) and index[at] == key:
        del index[at]
