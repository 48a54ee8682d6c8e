"""Who has this phone or this word on the card?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sandbox.amocrm.types import Json

_NOT_DIGITS = re.compile(r"\D+")
_NUMBER = re.compile(r"[\d\s()+-]+")


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
        self._by_number: dict[str, dict[int, None]] = {}
        """Ids of the cards where a value ends with these ten digits, phone or not."""
        self._numbers: dict[int, set[str]] = {}

    def put(self, row: Json) -> None:
        if self._texts is None:
            return
        id = row["id"]
        self.drop(id)
        lines = _lines(row)
        digits = [_NOT_DIGITS.sub("", line) for line in lines if _NUMBER.fullmatch(line)]
        self._texts[id] = "\n".join([*lines, *digits]).lower()
        self._numbers[id] = numbers = {number[-10:] for number in digits}
        for number in numbers:
            self._by_number.setdefault(number, {})[id] = None

    def drop(self, id: int) -> None:
        if self._texts is None:
            return
        self._texts.pop(id, None)
        for number in self._numbers.pop(id, ()):
            self._by_number[number].pop(id, None)

    def by_phone(self, rows: dict[int, Json], phone: object) -> list[int]:
        """Ids of those who have a phone with the same last ten digits."""
        self._begin(rows.values())
        wanted = last_ten(phone)
        return sorted(id for id in self._by_number.get(wanted, ()) if wanted in map(last_ten, phones(rows[id])))

    def by_text(self, rows: dict[int, Json], query: str) -> set[int]:
        """Ids of those where `query` stands in a filled field, as text or as digits."""
        texts = self._begin(rows.values())
        wanted, digits = query.strip().lower(), _NOT_DIGITS.sub("", query)
        if len(digits) >= 10 and _NUMBER.fullmatch(wanted):
            return {id for id in self._by_number.get(digits[-10:], ()) if digits in texts[id]}
        return {id for id, text in texts.items() if wanted in text}

    def _begin(self, rows: Iterable[Json]) -> dict[int, str]:
        if self._texts is None:
            self._texts = {}
            for row in rows:
                self.put(row)
        return self._texts


def _lines(row: Json) -> list[str]:
    """The filled fields."""
    lines = [str(row.get("name") or ""), str(row["id"])]
    for block in row.get("custom_fields_values") or ():
        lines += [str(value["value"]) for value in block["values"]]
    return lines
