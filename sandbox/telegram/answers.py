"""What does the Bot API say? One shape for what was done, one for what was refused, and the exact words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.telegram.types import Json

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Said:
    """A result that comes with a sentence, as those about webhooks do."""

    result: Any
    description: str


class Refused(Exception):
    """Ends the handling of a call: `code` is the HTTP status, too."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def bad(what: str, **parameters: int) -> Refused:
    """400, our mistake or that of who called."""
    return Refused(400, f"Bad Request: {what}", **parameters)


def forbidden(what: str) -> Refused:
    """403, this recipient is closed."""
    return Refused(403, f"Forbidden: {what}")


def conflict(what: str) -> Refused:
    """409, two readers."""
    return Refused(409, f"Conflict: {what}")


def flood(seconds: int) -> Refused:
    """429, to be obeyed for so many seconds."""
    return Refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def done(result: Any) -> Answer:
    said: Json = {"ok": True, "result": result}
    if isinstance(result, Said):
        said = {"ok": True, "result": result.result, "description": result.description}
    return Answer(200, orjson.dumps(said))


def refusal(refused: Refused) -> Answer:
    said: Json = {"ok": False, "error_code": refused.code, "description": refused.description}
    if refused.parameters:
        said["parameters"] = refused.parameters
    wait = refused.parameters.get("retry_after")
    return Answer(refused.code, orjson.dumps(said), headers=(("Retry-After", str(wait)),) if wait else ())
