"""The hooks by which a plugin registers what it has; they are synchronous and only register (design.md 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from hub.core.rules import CaseRule
    from hub.sdk.connector import Connector

hookspec = pluggy.HookspecMarker("hub")
hookimpl = pluggy.HookimplMarker("hub")


@hookspec
def hub_connectors() -> Iterable[Connector]:  # type: ignore[empty-body]
    """What this plugin can talk to. Called once at start, before the configuration is checked."""


@hookspec
def hub_case_rules() -> Iterable[CaseRule]:  # type: ignore[empty-body]
    """Pure rules that find waiting clients on a timeline. Called once at start."""
