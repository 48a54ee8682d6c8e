"""amoCRM (Kommo): cards, deals and tasks in; tasks, calls and leads out."""

from __future__ import annotations

from collections.abc import Iterable

from hub.sdk import Connector, hookimpl
from plugins.amocrm.connector import CONNECTOR


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The one connector of this plugin."""
    return (CONNECTOR,)
