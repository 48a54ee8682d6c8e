"""Asterisk as a source of calls: the manager interface live, recordings, CDR and CEL."""

from __future__ import annotations

from collections.abc import Iterable

from hub.sdk import Connector, hookimpl
from plugins.telephony.asterisk.connector import CONNECTOR


@hookimpl
def hub_connectors() -> Iterable[Connector]:
    """The one connector of this plugin."""
    return (CONNECTOR,)
