"""Which values does the vendor refuse, and in which words? Types are checked strictly: "1" is no number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Refused, problem
from sandbox.amocrm.types import Json

Checked = TypeVar("Checked")

_DETAILS = {
    "NotSupportedChoice": "The value you selected is not a valid choice.",
    "FieldMissing": "This field is missing.",
    "NotBlank": "This value should not be blank.",
}


class Faults:
    """What is wrong with one item of a request."""

    def __init__(self) -> None:
        self.errors: list[Json] = []

    def add(self, code: str, path: str, detail: str = "") -> None:
        self.errors.append({"code": code, "path": path, "detail": detail or _DETAILS[code]})

    def wrong_type(self, path: str, expected: str) -> None:
        self.add("InvalidType", path, f"This value should be of type {expected}.")


class Verdict:
    """What is wrong with a request: one bad item refuses them all."""

    def __init__(self) -> None:
        self._refused: list[Json] = []

    def judge(self, request_id: str, faults: Faults) -> None:
        if faults.errors:
            self._refused.append({"request_id": request_id, "errors": faults.errors})

    def end(self) -> None:
        """Raises Refused when anything was wrong."""
        if self._refused:
            raise Refused(problem(400, "Request validation failed", {"validation-errors": self._refused}))


def all_of(items: Sequence[Json], check: Callable[[Json, Faults], Checked]) -> list[Checked]:
    """Check every item of a batch, which is refused as a whole when one of them is bad; raises Refused."""
    verdict, checked = Verdict(), []
    for at, item in enumerate(items):
        faults = Faults()
        checked.append(check(item, faults))
        verdict.judge(request_id(item, at), faults)
    verdict.end()
    return checked


def one_of(item: Json, check: Callable[[Json, Faults], Checked]) -> Checked:
    """As `all_of`, a single object."""
    return all_of([item], check)[0]


def request_id(item: Json, index: int) -> str:
    given = item.get("request_id")
    return str(index) if given is None else str(given)


LATEST_MOMENT = 253_402_214_400
"""Seconds; the year 9999 is not over."""

_BIGGEST = 2**53

Check = Callable[[Account, Any, str, Faults], Any]
"""Takes a value and its path, answers what is stored and notes what is wrong."""


def read(account: Account, item: Json, checks: Mapping[str, Check], faults: Faults, path: str = "") -> Json:
    """The known keys of an item that are there and not null; unknown keys are ignored."""
    known = ((key, check) for key, check in checks.items() if item.get(key) is not None)
    return {key: check(account, item[key], path + key, faults) for key, check in known}


def require(item: Json, keys: tuple[str, ...], faults: Faults, path: str = "") -> None:
    for key in keys:
        if key not in item:
            faults.add("FieldMissing", path + key)
        elif item[key] is None or item[key] == "":
            faults.add("NotBlank", path + key)


def nested(item: Json, key: str) -> Json:
    """An object inside an item; anything else counts as empty."""
    inner = item.get(key)
    return inner if isinstance(inner, dict) else {}


def named(item: Json, faults: Faults) -> Json:
    """An item that needs nothing but a name."""
    require(item, ("name",), faults)
    if item.get("name") and not isinstance(item["name"], str):
        faults.wrong_type("name", "string")
    return item


def text(account: Account, value: Any, path: str, faults: Faults) -> str:
    if not isinstance(value, str):
        faults.wrong_type(path, "string")
        return ""
    return value


def loose_text(account: Account, value: Any, path: str, faults: Faults) -> Any:
    """A text, or a number that is kept as it is."""
    if isinstance(value, (dict, list, bool)):
        faults.wrong_type(path, "string")
    return value


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def integer(account: Account, value: Any, path: str, faults: Faults) -> int:
    if not is_integer(value) or abs(value) > _BIGGEST:
        faults.wrong_type(path, "int")
        return 0
    return int(value)


def whole(account: Account, value: Any, path: str, faults: Faults) -> int:
    """Seconds: some clients send them as floats, which are cut."""
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if is_integer(value) and abs(value) > LATEST_MOMENT:
        value = None
    return integer(account, value, path, faults)


def number(account: Account, value: Any, path: str, faults: Faults) -> float | int:
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    return integer(account, value, path, faults)


def boolean(account: Account, value: Any, path: str, faults: Faults) -> bool:
    if not isinstance(value, bool):
        faults.wrong_type(path, "bool")
        return False
    return value


def any_value(account: Account, value: Any, path: str, faults: Faults) -> Any:
    return value


def responsible(account: Account, value: Any, path: str, faults: Faults) -> int:
    """A user who is there and active."""
    checked = integer(account, value, path, faults)
    user = account.users.get(checked)
    if user is None or not user["rights"]["is_active"]:
        faults.add("NotSupportedChoice", path)
    return checked


def author(account: Account, value: Any, path: str, faults: Faults) -> int:
    """As `responsible`, or 0, the robot."""
    return 0 if is_integer(value) and value == 0 else responsible(account, value, path, faults)


def moment(value: Any) -> int | None:
    """Seconds or RFC 3339 as seconds."""
    if is_integer(value):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    try:
        return int(datetime.fromisoformat(str(value)).timestamp()) if isinstance(value, str) else None
    except ValueError:
        return None


def choice(*allowed: object) -> Check:
    def check(account: Account, value: Any, path: str, faults: Faults) -> Any:
        if value not in allowed:
            faults.add("NotSupportedChoice", path)
        return value

    return check
