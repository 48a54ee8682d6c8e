"""Telegram passes what every connector passes, with the updates of the contract's pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hub.sdk import Connector, Context
from hub.sdk.testing import Contract, Sample
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.tests.recorded import IVAN, TEAM, UPDATES, items


def sample(kind: str, *names: str, owner: int | None = None) -> Sample:
    found = items(*(UPDATES[name] for name in names), owner=owner)
    return Sample(" and ".join(names), [raw for raw in found if raw.kind == kind], ("update", "on", "chat"))


class TestContract(Contract):
    connector: ClassVar[Connector] = CONNECTOR
    options: ClassVar[Mapping[str, Any]] = {"token": "123456789:AAF-secret_of_the_contract", "own_chats": [-100]}
    wrong_options: ClassVar[Mapping[str, Any]] = {"token": "123", "base_url": "telegram", "webhook": "sometimes"}
    context: ClassVar[Context] = Context("tg", team=TEAM)
    samples: ClassVar[tuple[Sample, ...]] = (
        sample("update", "edit"),
        sample("update", "photo"),
        sample("update", "voice"),
        sample("update", "document"),
        sample("update", "location"),
        sample("update", "forward"),
        sample("update", "connected", "disconnected"),
        sample("update", "own_in", "own_edit", owner=IVAN),
        sample("update", "own_out", owner=IVAN),
        sample("update", "own_bot", owner=IVAN),
        sample("chat", "text", "shared_contact"),
        sample("chat", "migrated"),
    )
