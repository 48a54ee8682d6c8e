"""What was asked? Query, urlencoded form, multipart form and JSON say the same: texts by name, and files beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from sandbox.telegram.answers import Refused, bad

_YES = {"true", "yes", "1"}


@dataclass(frozen=True)
class Request:
    """What came over HTTP."""

    verb: str
    path: str
    query: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Upload:
    name: str
    content_type: str
    content: bytes


@dataclass
class Call:
    """A method with its arguments. Objects and lists are JSON texts, however they came; names of methods have no case."""

    method: str
    arguments: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.arguments.get(name, "")

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() in _YES

    def integer(self, name: str, default: int = 0, least: int | None = None, most: int | None = None) -> int:
        """A number within its bounds, whatever was asked; what is no number counts as not given."""
        try:
            number = int(self.text(name).strip() or default)
        except ValueError:
            number = default
        number = number if least is None else max(least, number)
        return number if most is None else min(most, number)

    def decimal(self, name: str) -> float | None:
        try:
            return float(self.text(name))
        except ValueError:
            return None

    def json(self, name: str, kind: type[Any], what: str) -> Any:
        """An object or a list, None when it was not given; raises Refused that names `what` was expected."""
        text = self.text(name)
        if not text:
            return None
        try:
            read = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise bad(f"can't parse {what} JSON object") from None
        if read is not None and not isinstance(read, kind):
            raise bad(f"{'object' if kind is dict else 'an Array'} expected as {what}")
        return read


async def read_call(method: str, query: str, content_type: str, body: bytes) -> Call:
    """Raises Refused when the body cannot be read. What stands in the body wins over the query."""
    call = Call(method, dict(parse_qsl(query, keep_blank_values=True)))
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        call.arguments |= _from_json(body)
    elif kind == "multipart/form-data":
        await _from_parts(call, content_type, body)
    elif kind in {"application/x-www-form-urlencoded", ""}:
        call.arguments |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return call


def _from_json(body: bytes) -> dict[str, str]:
    if not body.strip():
        return {}
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(400, "Bad Request: can't parse JSON object") from None
    if not isinstance(read, dict):
        raise Refused(400, "Bad Request: object expected")
    return {name: _as_text(value) for name, value in read.items() if value is not None}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


async def _from_parts(call: Call, content_type: str, body: bytes) -> None:
    async def stream() -> Any:
        yield body

    headers = Headers({"content-type": content_type})
    try:
        form = await MultiPartParser(headers, stream(), max_part_size=2**24).parse()
    except (MultiPartException, KeyError) as error:
        raise bad(f"can't parse the body: {error}") from error
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            call.files[name] = Upload(value.filename or "", value.content_type or "", await value.read())
        else:
            call.arguments[name] = value
    await form.close()
