"""What the hub lends to an open connection."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import httpx


class Http(Protocol):
    """An HTTP client within the account's request budget: limits, retries reads, measures, redacts, classifies."""

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; raises Temporary, AuthFailed or Rejected instead of returning a refusal."""


class Host(Protocol):
    """The services of the hub for one connection and lane."""

    @property
    def connection(self) -> str:
        """Name of the connection in the configuration."""

    @property
    def since(self) -> datetime | None:
        """From when on history is wanted, None for all of it."""

    @property
    def context(self) -> Any:
        """What `parse` is given besides the items."""

    def now(self) -> datetime:
        """The present moment, UTC; never ask the clock yourself."""

    def http(self, base_url: str, *, secrets: Sequence[str] = ()) -> AbstractAsyncContextManager[Http]:
        """A client for `base_url`; `secrets` are struck out of every log and error."""
