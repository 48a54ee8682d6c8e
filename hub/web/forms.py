"""Was this form made by us for this browser, and was it sent before?"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

SEAT = "seat"
"""Cookie that tells one browser from another; it names nobody."""


def key_of(folder: Path) -> bytes:
    """The key that signs forms: made once, readable for us alone, so that open pages outlive a restart."""
    path = folder / "web.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was faster
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(key)
    return key


class Forms:
    """Signs the forms of a page; a token is good for the browser it was given to."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, seat: str) -> str:
        """A fresh token: `<number>.<signature>`. Everything sent with it is done once."""
        number = secrets.token_urlsafe(9)
        return f"{number}.{self._signature(seat, number)}"

    def number(self, token: str, seat: str | None) -> str | None:
        """The number of a token that we gave to this browser, None for any other."""
        number, _, signature = token.partition(".")
        if (
            not seat
            or not number
            or not hmac.compare_digest(signature.encode(), self._signature(seat, number).encode())
        ):
            return None
        return number

    def _signature(self, seat: str, number: str) -> str:
        return hmac.new(self._key, f"{seat}|{number}".encode(), hashlib.sha256).hexdigest()[:32]


def once(number: str, *parts: str) -> str:
    """The id of what is done by a form: the same form sent twice asks for the same thing."""
    digest = hashlib.blake2b("|".join(parts).encode(), digest_size=6).hexdigest()
    return f"{number}-{digest}"
