"""What the hub lends to an open connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import httpx

    from hub.sdk.connector import Context


class Http(Protocol):
    """An HTTP client within the account's request budget: limits, retries reads, measures, redacts, classifies."""

    async def request(self, method: str, path: str, *, repeat: bool = False, **options: Any) -> httpx.Response:
        """One request; raises Temporary, Throttled, AuthFailed or Rejected instead of returning a refusal.

        Reads are tried again by themselves; `repeat` says the same of a write that may be done twice. `options` are
        those of httpx: params, json, content, headers.
        """


class Access(Protocol):
    """The tokens of one connection: stored encrypted, refreshed by one of all who ask, before they expire."""

    async def access(self) -> str:
        """A valid access token. AuthFailed when a person must authorise, Temporary when the vendor cannot be asked."""

    async def renewed(self, refused: str) -> str:
        """The access token after the vendor refused this one: refreshed, unless somebody already did."""


class Host(Protocol):
    """The services of the hub for one connection and lane."""

    @property
    def connection(self) -> str:
        """Name of the connection in the configuration."""

    @property
    def context(self) -> Context:
        """What `parse` is given besides the items."""

    @property
    def hook_url(self) -> str | None:
        """Where the vendor reaches this connection's webhooks; None where `[web] public_url` is not set."""

    @property
    def tokens(self) -> Access:
        """The connection's tokens, for a vendor that takes them otherwise than `http(tokens=True)` sends them."""

    async def known(self, kind: str, since: datetime) -> Mapping[str, datetime]:
        """Id → version of this connection's records of a kind that were changed since then and are not gone.

        For a stream that compares what the hub has with its source.
        """

    def now(self) -> datetime:
        """The present moment, UTC; never ask the clock yourself."""

    def http(
        self, base_url: str, *, secrets: Sequence[str] = (), bearer: str | None = None, tokens: bool = False
    ) -> AbstractAsyncContextManager[Http]:
        """A client for `base_url`. Secrets of the settings and tokens are struck out of every log and error.

        secrets: further texts to strike out. bearer: a fixed token for `Authorization: Bearer`. tokens: the connection's
        access token stands there instead; when the vendor refuses it, it is renewed once and the request repeated once.
        """
