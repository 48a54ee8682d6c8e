"""What does the status of an answer mean: who has to act on it?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from hub.errors import AuthFailed, HubError, Rejected, Temporary, Throttled

if TYPE_CHECKING:
    import httpx

_LATER = frozenset({408, 425})
_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def refusal(response: httpx.Response, connection: str) -> HubError | None:
    """The error that an answer is by its status alone, None for one that is none."""
    status = response.status_code
    if status < 300:
        return None
    text = f"{connection} answered {status}: {_said(response)}"
    if status in {401, 403}:
        return AuthFailed(text)
    if status == 429:
        return Throttled(text, retry_after(response))
    if status in _LATER or status >= 500:
        return Temporary(text, retry_after(response))
    return Rejected(text)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    answered = parsedate_to_datetime(response.headers["Date"]) if "Date" in response.headers else datetime.now(UTC)
    return max((moment - answered).total_seconds(), 0.0)


def _said(response: httpx.Response) -> str:
    """The beginning of a body; of a web page, which a proxy in between sends, its title alone."""
    title = _TITLE.search(response.text)
    said = title[1] if title else response.text[:300]
    return " ".join(said.split()) or response.reason_phrase or "nothing"
