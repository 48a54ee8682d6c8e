"""amoCRM passes what every connector passes, with the payloads of its documentation, each also with a key missing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hub.sdk import Connector, Raw
from hub.sdk.testing import Contract, Sample
from plugins.amocrm.connector import CONNECTOR

sys.path.insert(0, str(Path(__file__).parent))
from recorded import payload


def sample(kind: str, name: str, *required: str) -> Sample:
    return Sample(name, [Raw(kind, name, payload(name))], required)


class TestContract(Contract):
    connector: ClassVar[Connector] = CONNECTOR
    options: ClassVar[Mapping[str, Any]] = {"domain": "vostok.amocrm.ru", "client_id": "4b1f", "client_secret": "q8"}
    wrong_options: ClassVar[Mapping[str, Any]] = {
        "domain": "example.ru",
        "base_url": "vostok",
        "unknown_callers": "yes",
    }
    samples: ClassVar[tuple[Sample, ...]] = (
        sample("user", "user", "id", "name"),
        sample("contact", "contact", "id", "updated_at"),
        sample("company", "company", "id", "updated_at"),
        sample("lead", "lead", "id", "status_id", "updated_at"),
        sample("lead", "lead_in_trash", "id", "updated_at"),
        sample("task", "task", "id", "updated_at"),
        sample("task", "task_done", "id", "updated_at"),
        sample("note", "call_note", "id", "note_type", "params", "created_at", "updated_at"),
        sample("event", "event_status", "id", "type", "entity_id", "entity_type", "created_at"),
        sample("event", "event_responsible", "id", "type", "entity_id", "entity_type", "created_at"),
        sample("event", "event_deleted", "id", "type", "entity_id", "entity_type", "created_at"),
        sample("unsorted", "unsorted_form", "uid", "category", "created_at"),
    )
