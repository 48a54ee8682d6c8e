"""The hub's own format as a connector: files, a signed webhook, and signed notices out (model.md 6)."""

from __future__ import annotations

from collections.abc import Iterable

from hub.sdk import Connector, hookimpl
from plugins.records.connector import CONNECTOR


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """One connector: `records`."""
    return (CONNECTOR,)
