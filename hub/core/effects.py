"""What the hub does to the outside world, planned as values and delivered later, each once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tell one of us. `to` is a key of `[team]`; `step` the step of the ladder (metrics.md 11.3).

    key: `<case row>/<step>/<recipient>`, the same for ever, so that it happens once.
    """

    key: str
    case: str
    kind: str
    step: str
    to: str
    contact: str
    line_group: str
    at: datetime
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendNotice:
    """Say that an earlier notice no longer holds; `replaces` is the vendor's id of the message that is amended."""

    key: str
    case: str
    to: str
    contact: str
    because: Literal["void", "merged"]
    at: datetime
    replaces: str | None = None


Effect = Notify | AmendNotice
KINDS: Mapping[str, type[Effect]] = {"notify": Notify, "amend_notice": AmendNotice}


def kind(effect: Effect) -> str:
    """The name of the effect's kind, as the outbox and `crmhub effects` show it."""
    return "notify" if isinstance(effect, Notify) else "amend_notice"


def body(effect: Effect) -> dict[str, Any]:
    """The effect as JSON-ready values."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(effect).items()
    }


def from_body(kind_: str, content: Mapping[str, Any]) -> Effect:
    """The effect that `body` wrote."""
    values: dict[str, Any] = {
        key: datetime.fromisoformat(value) if key in {"at", "due_at"} and value else value
        for key, value in content.items()
    }
    return KINDS[kind_](**values)
