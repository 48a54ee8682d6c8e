"""Who has this phone or this word on the card?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sandbox.amocrm.types import Json

_NOT_DIGITS = re.compile(r"\D+")


def last_ten(phone: object) -> str:
    """The digits by which amoCRM compares numbers."""
    return _NOT_DIGITS.sub("", str(phone))[-10:]


def phones(row: Json) -> Iterator[str]:
    for block in row.get("custom_fields_values") or ():
        if block["field_code"] == "PHONE":
            yield from (str(value["value"]) for value in block["values"])


class Search:
    """Nothing is indexed before the first question; from then on every change is seen at once."""

    def __init__(self) -> None:
        self._texts: dict[int, str] | None = None
        self._numbers: dict[str, dict[int, None]] = {}
        self._numbers_of: dict[int, tuple[str, ...]] = {}

    def put(self, row: Json) -> None:
        if self._texts is None:
            return
        self.drop(row["id"])
        self._texts[row["id"]] = _text(row)
        numbers = tuple(filter(None, map(last_ten, phones(row))))
        self._numbers_of[row["id"]] = numbers
        for number in numbers:
            self._numbers.setdefault(number, {})[row["id"]] = None

    def drop(self, id: int) -> None:
        if self._texts is None:
            return
        self._texts.pop(id, None)
        for number in self._numbers_of.pop(id, ()):
            self._numbers.get(number, {}).pop(id, None)

    def by_phone(self, rows: Iterable[Json], phone: object) -> list[int]:
        """Ids of those with the same last ten digits."""
        self._begin(rows)
        return sorted(self._numbers.get(last_ten(phone), ()))

    def by_text(self, rows: Iterable[Json], query: str) -> set[int]:
        """Ids of those where `query` stands in a filled field, as text or as digits of a phone."""
        texts = self._begin(rows)
        wanted = query.strip().lower()
        found = {id for id, text in texts.items() if wanted in text}
        digits = _NOT_DIGITS.sub("", wanted)
        if len(digits) >= 10 and not re.search(r"[^\W\d_]", wanted):
            found.update(id for id in self._numbers.get(digits[-10:], ()) if digits in texts[id])
        return found

    def _begin(self, rows: Iterable[Json]) -> dict[int, str]:
        if self._texts is None:
            self._texts = {}
            for row in rows:
                self.put(row)
        return self._texts


def _text(row: Json) -> str:
    words = [str(row["name"] or ""), str(row["id"])]
    for block in row.get("custom_fields_values") or ():
        for value in block["values"]:
            word = str(value["value"])
            words.append(word)
            if block["field_code"] == "PHONE":
                words.append(_NOT_DIGITS.sub("", word))
    return "\n".join(words).lower()
