"""How is amoCRM asked: its lists and their ends, its errors, and what an answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

import httpx
import orjson

from hub.sdk import AuthFailed, Host, Http, HubError, Rejected, Temporary, Throttled
from plugins.amocrm.login import renamed
from plugins.amocrm.settings import Settings

Params: TypeAlias = Sequence[tuple[str, str | int]]
Row: TypeAlias = dict[str, Any]
Names: TypeAlias = tuple[str | None, str | None]
"""Of a pipeline and of a stage in it."""

PAGE = 250
"""Most objects of a page."""
SMALLEST = 25
"""Objects of a page below which a list that is too heavy is given up for now."""
BAN = 3600.0
"""Seconds of silence after a ban; only the vendor's support lifts it, and asking on makes it worse."""
LACKS = 3600.0
"""Seconds after which a stream is tried again that the tariff or the rights lack."""
_IP_REFUSED = 113


class Heavy(HubError):
    """A list that the vendor could not put together in time (504); a smaller page may be had."""


class Lacking(Rejected):
    """What the tariff (402) or the rights (403) of the token's user do not allow; everything else goes on."""


class NoFilters(HubError):
    """The tariff has no filters of the API; lists of cards and deals can be had whole."""


class UnknownNumber(Rejected):
    """A call of a number that no contact or company has; nothing was written."""


@dataclass(slots=True)
class Amo:
    """An open account."""

    host: Host
    settings: Settings
    http: Http
    _stages: dict[tuple[int, int], Names] | None = field(default=None, init=False)
    _account: Row | None = field(default=None, init=False)
    _ahead: timedelta | None = field(default=None, init=False)
    """The vendor's clock minus ours, by the last answer."""

    async def get(self, path: str, params: Params = ()) -> Row | None:
        """The answer's object; None where there is nothing (204)."""
        try:
            found: Row | None = self._body(await self._ask("GET", path, params=list(params)))
        except Heavy as error:
            raise Temporary(str(error)) from error
        return found

    async def send(self, method: str, path: str, content: Any) -> Any:
        """Write; the answer, None without one."""
        response = await self._ask(
            method, path, content=orjson.dumps(content), headers={"Content-Type": "application/json"}
        )
        return self._body(response)

    async def rows(self, path: str, params: Params = (), limit: int = PAGE) -> list[Row]:
        """One page's objects, none where there are none."""
        return embedded(await self.get(path, [*params, ("limit", limit)]))

    async def page(self, path: str, params: Params, limit: int) -> list[Row]:
        """As `rows`, for a list that may be asked for in smaller pages: raises Heavy where it took too long."""
        return embedded(self._body(await self._ask("GET", path, params=[*params, ("limit", limit)])))

    async def all_rows(self, path: str, params: Params = ()) -> AsyncIterator[Row]:
        """The objects of a list that is small or does not change while it is read, page after page."""
        page = 1
        while found := await self.get(path, [*params, ("limit", PAGE), ("page", page)]):
            for row in embedded(found):
                yield row
            if "next" not in (found.get("_links") or {}):
                return
            page += 1

    async def account(self) -> Row:
        """The account, asked once."""
        if self._account is None:
            self._account = await self.get("/api/v4/account") or {}
        return self._account

    async def stage(self, pipeline: int, status: int) -> Names:
        """Names of a pipeline and of a stage in it; the list is read once, or again when a new one turns up."""
        if self._stages is None or (pipeline, status) not in self._stages:
            self._stages = await self._read_stages()
        return self._stages.setdefault((pipeline, status), (None, None))

    async def _read_stages(self) -> dict[tuple[int, int], Names]:
        found = embedded(await self.get("/api/v4/leads/pipelines"))
        return {
            (pipeline["id"], status["id"]): (pipeline.get("name"), status.get("name"))
            for pipeline in found
            for status in embedded(pipeline)
        }

    async def vendor_second(self) -> int:
        """The present second by the vendor's clock, which stamps everything that is read."""
        if self._ahead is None:
            await self.account()
        return int(self.vendor_now().timestamp())

    def vendor_now(self) -> datetime:
        """The present moment by the vendor's clock, as far as an answer has told it."""
        return self.host.now() + (self._ahead or timedelta())

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self.http.request(method, path, **options)
        except AuthFailed as error:
            domain = await renamed(self.http, self.settings)
            if domain is None:
                raise
            raise AuthFailed(f'the account has a new address: write domain = "{domain}" instead') from error

    def _body(self, response: httpx.Response) -> Any:
        told = response.headers.get("Date")
        if told:
            self._ahead = parsedate_to_datetime(told) - self.host.now()
        if response.status_code == httpx.codes.NO_CONTENT or not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise Temporary(f"half an answer: {len(response.content)} bytes that are no JSON") from None


@asynccontextmanager
async def open_account(settings: Settings, host: Host) -> AsyncIterator[Amo]:
    """A client of the account, by its long-lived token or by the tokens of its integration."""
    if not settings.url.partition("://")[2]:
        raise AuthFailed(f"{host.connection}: no account yet; run `crmhub connect amocrm --name {host.connection}`")
    token = settings.token.get_secret_value() if settings.token else None
    async with host.http(settings.url, secrets=settings.secrets, bearer=token, tokens=token is None) as http:
        yield Amo(host, settings, http)


def embedded(found: Row | None) -> list[Row]:
    """The objects of a list's answer; an answer holds one kind of them."""
    lists = (found or {}).get("_embedded") or {}
    return next((rows for rows in lists.values() if isinstance(rows, list)), [])


def classify(response: httpx.Response) -> HubError | None:
    """Who has to act on a refusal (developers' pages, "Limits" and "Errors").

    The proxy in front answers in HTML: 429 at the limit, 403 once the limit was broken too often.
    """
    status = response.status_code
    if status in {301, 302, 307, 308}:
        return AuthFailed(f"amoCRM has no such account here, it points to {response.headers.get('Location')}")
    if status < 400:
        return None
    problem = _problem(response)
    if status == 429:
        return Throttled("amoCRM: too many requests in a second")
    if status == 403 and problem is None:
        return Throttled(
            "amoCRM has blocked the account or this address for too many requests; it is asked again in an hour. If it "
            "lasts, write to amoCRM's support",
            retry_after=BAN,
        )
    if status == 504:
        return Heavy("amoCRM did not put the list together in time (504)")
    if status == 404 and problem is None:
        return AuthFailed("amoCRM has no account at this address")
    if problem is None or status >= 500:
        return None
    return _refusal(status, problem)


def _refusal(status: int, problem: Mapping[str, Any]) -> HubError | None:
    said = ": ".join(str(problem[key]) for key in ("title", "detail", "hint") if problem.get(key))
    if status == 401:
        return AuthFailed(
            f"amoCRM refuses the token ({said or status}): the integration was switched off, or the token has ended; log in again"
        )
    if status == 403 and _IP_REFUSED in {problem.get("code"), problem.get("error_code")}:
        return AuthFailed(f"amoCRM refuses this address ({said}): add the hub's IP to the account's allow list")
    if status in {402, 403}:
        return Lacking(f"amoCRM allows it not ({status}, {said})")
    inside = problem.get("_embedded")
    if isinstance(inside, dict) and "calls" in inside:  # the calls API answers in a form of its own (issue 52)
        return UnknownNumber("no contact or company has this number")
    return Rejected(f"amoCRM refused it ({status}, {said or 'no reason given'}){_reasons(problem)}")


def _reasons(problem: Mapping[str, Any]) -> str:
    """The validation errors, one after the other, each with the place it is about."""
    errors = [error for item in _objects(problem, "validation-errors") for error in _objects(item, "errors")]
    found = [f"{error.get('path', '?')}: {error.get('detail') or error.get('code')}" for error in errors]
    found += [str(error.get("detail") or error.get("title")) for error in _objects(problem, "errors")]
    return "; ".join(["", *found]) if found else ""


def _objects(row: Mapping[str, Any], key: str) -> list[Row]:
    """The objects of a list, which may be missing or something else."""
    value = row.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _problem(response: httpx.Response) -> Mapping[str, Any] | None:
    """The error's object; None where it is the front proxy that speaks, in HTML."""
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else {}
