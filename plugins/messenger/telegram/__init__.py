"""Telegram: what clients write to a bot, in groups and to managers' own accounts; notices and answers to our own people."""

from __future__ import annotations

from collections.abc import Iterable

from hub.sdk import Connector, hookimpl
from plugins.messenger.telegram.connector import CONNECTOR


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The one connector of this plugin."""
    return (CONNECTOR,)
