"""What is a request, what an answer, and who answers which address?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

import orjson

from sandbox.amocrm import php
from sandbox.amocrm.account import Account
from sandbox.amocrm.types import Json

HAL, PROBLEM, HTML = "application/hal+json", "application/problem+json", "text/html; charset=utf-8"


@dataclass
class Call:
    """A request as the handlers see it; the gate fills in who calls."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    origin: str = ""
    """Scheme and host that links in the answer begin with."""
    account: Account = field(default=None)  # type: ignore[assignment]  # the gate sets it before any handler
    user_id: int = 0
    client_id: str = ""

    @cached_property
    def params(self) -> php.Tree:
        return php.parse(self.query)

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The names in `with`."""
        return frozenset(php.values(self.params.get("with")))

    @cached_property
    def is_admin(self) -> bool:
        user = self.account.users.get(self.user_id)
        return bool(user and user["rights"]["is_admin"])

    def json(self) -> Any:
        """The body as JSON, whatever the content type says; raises Refused."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Refused(problem(400, "Request body is not a valid JSON")) from None

    def form(self) -> dict[str, Any]:
        """The body as an object: JSON first, otherwise a form."""
        try:
            read = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            read = php.parse(self.body.decode("utf-8", "replace"))
        return read if isinstance(read, dict) else {}

    def items(self, most: int = 250) -> list[Json]:
        """The body as a list of objects; raises Refused."""
        read = self.json()
        if not isinstance(read, list) or not all(isinstance(one, dict) for one in read):
            raise Refused(problem(400, "Request body must be an array of objects"))
        if not 1 <= len(read) <= most:
            raise Refused(problem(400, f"Request body must contain from 1 to {most} elements"))
        return read

    def object(self) -> Json:
        """The body as one object; raises Refused."""
        read = self.json()
        if not isinstance(read, dict):
            raise Refused(problem(400, "Request body must be an object"))
        return read

    def link(self, path: str) -> Json:
        return {"href": self.origin + path}

    def self_link(self, path: str) -> Json:
        return {"self": {"href": self.origin + path}}

    def must_be_admin(self) -> None:
        if not self.is_admin:
            raise Refused(problem(403, "Недостаточно прав"))


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = HAL
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def hal(payload: object, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(payload))


def collection(
    call: Call, key: str, items: list[Json], path: str = "", *, status: int = 200, counted: bool = False
) -> Answer:
    """What was written, or a list without pages. `path` is what its link says, by default the path called."""
    total = {"_total_items": len(items)} if counted else {}
    return hal(total | {"_links": call.self_link(path or call.path.rstrip("/")), "_embedded": {key: items}}, status)


def nothing() -> Answer:
    """204: an empty page, an entity that is not there, a deletion done."""
    return Answer(204)


def problem(status: int, detail: str, more: Json | None = None) -> Answer:
    """`more` stands before the usual keys."""
    title = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    body = {
        **(more or {}),
        "title": title,
        "type": f"https://httpstatus.es/{status}",
        "status": status,
        "detail": detail,
    }
    return Answer(status, orjson.dumps(body), PROBLEM)


def html(status: int, phrase: str = "") -> Answer:
    """What the front proxy says, before any JSON is thought of."""
    title = f"{status} {phrase or HTTPStatus(status).phrase}"
    text = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, text.encode(), "text/html")


@dataclass(frozen=True)
class Route:
    """`pattern` is a path with `{id}` for a number, `{kind}` for a kind of cards and `{uid}` for any other name."""

    method: str
    pattern: str
    answer: Callable[..., Answer]


_PLACES = {"id": r"(\d+)", "kind": "(leads|contacts|companies|customers)", "uid": "([^/]+)"}


class Routes:
    """Finds who answers an address; the first pattern that fits wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(re.compile(_expression(route.pattern)), route) for route in routes]

    def find(self, method: str, path: str) -> Callable[[Call], Answer]:
        """Raises Refused: 405 for a known path, 404 for another."""
        known = False
        for expression, route in self._routes:
            if found := expression.fullmatch(path):
                known = True
                if route.method == method:
                    return _bound(route.answer, found.groups())
        raise Refused(problem(405, "Method Not Allowed") if known else problem(404, "Not Found"))


def _expression(pattern: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda place: _PLACES[place[1]], pattern) + "/?"


def _bound(answer: Callable[..., Answer], found: tuple[str, ...]) -> Callable[[Call], Answer]:
    arguments = [int(text) if text.isdigit() else text for text in found]
    return lambda call: answer(call, *arguments)
