"""Did the one who shares our secret send this: HMAC-SHA256 over timestamp and body (model.md 6)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from hub.sdk import Forged

OLDEST = 300
"""Seconds after which a signed request is refused, so that a recorded one cannot be played again."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `X-Hub-Signature`; timestamp in epoch seconds."""
    return "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def verify(headers: Mapping[str, str], body: bytes, now: datetime, *, secret: str | None, token: str | None) -> None:
    """Raise Forged unless the request carries our signature, or our token where the sender cannot sign."""
    given = headers.get("x-hub-signature")
    if given is not None and secret:
        _verify_signature(given, headers.get("x-hub-timestamp", ""), body, now, secret)
        return
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    if bearer and token and hmac.compare_digest(bearer.encode(), token.encode()):
        return
    raise Forged("send X-Hub-Timestamp and X-Hub-Signature, or Authorization: Bearer with this connection's token")


def _verify_signature(given: str, timestamp: str, body: bytes, now: datetime, secret: str) -> None:
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise Forged("X-Hub-Timestamp is not a number of epoch seconds")
    if abs(now.timestamp() - int(timestamp)) > OLDEST:
        raise Forged(f"X-Hub-Timestamp is more than {OLDEST} s from our clock")
    if not hmac.compare_digest(sign(secret, int(timestamp), body).encode(), given.encode()):
        raise Forged("X-Hub-Signature does not fit the body")
