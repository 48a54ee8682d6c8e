"""E-mail: what clients write to a mailbox and what they are answered; notices and reports out."""

from __future__ import annotations

from collections.abc import Iterable

from hub.sdk import Connector, hookimpl
from plugins.email.connector import CONNECTOR


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The one connector of this plugin."""
    return (CONNECTOR,)
