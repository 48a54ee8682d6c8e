"""The published examples on the core alone: their calls and cases, without store and command line (metrics 12)."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from hub import settings
from hub.core.derive import derive
from hub.core.records import instant
from hub.core.rules import RULES
from hub.core.timeline import ContactView
from tests.core.timelines import from_records
from tests.golden import run

GOLDEN = Path(run.__file__).parent
ON_CALLS = ["g02", "g04", "g09", "g10", "g11", "g12", "g13", "g18", "g19", "g21", "g24", "g26"]


def rows(folder: Path, records: list[dict[str, Any]], command: list[str]) -> list[dict[str, Any]]:
    """What the command would print, each client's timeline derived on its own."""
    book = settings.parse((folder / "config.toml").read_text(encoding="utf-8")).rulebook()
    now = instant(command[command.index("--at") + 1])
    clients = sorted({record["client"] for record in records if "client" in record})
    found: list[dict[str, Any]] = []
    for number, client in enumerate(clients):
        own = [record for record in records if record.get("client") == client]
        derived = derive(from_records(own, ContactView(number, None, (client,))), book, RULES, now)
        found += [item.row() for item in (derived.verdicts if command[0] == "calls" else derived.cases)]
    return found


CHECKS = [
    (name, number, check)
    for name in ON_CALLS
    for number, check in enumerate(json.loads((GOLDEN / name / "expect.json").read_text(encoding="utf-8")))
    if check["command"][0] in ("calls", "cases")
]


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize(("name", "number", "check"), CHECKS, ids=[f"{name}-{number}" for name, number, _ in CHECKS])
def test_the_published_example_holds(name, number, check, seed):
    folder = GOLDEN / name
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    if seed is not None:
        records += records[::3]
        random.Random(seed).shuffle(records)
    selected = [
        row
        for row in rows(folder, records, check["command"])
        if all(run.same(value, run.dig(row, key)) for key, value in check["select"].items())
    ]
    wanted = check.get("count", {"min": 1})
    if isinstance(wanted, dict):
        assert len(selected) >= wanted["min"], check["why"]
    else:
        assert len(selected) == wanted, check["why"]
    for row in selected:
        for key, value in check.get("fields", {}).items():
            assert run.same(value, run.dig(row, key)), (check["why"], key, value, run.dig(row, key))


def offers_of(name: str) -> list[tuple[str, int]]:
    folder = GOLDEN / name
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    book = settings.parse((folder / "config.toml").read_text(encoding="utf-8")).rulebook()
    derived = derive(from_records(records), book, RULES, instant("2026-03-10T12:00:00+03:00"))
    return [(offer.member, offer.seconds) for offer in derived.offers]


def test_g11_hunting_gives_an_offer_to_each_who_did_not_take_it():
    assert offers_of("g11") == [("anna", 8), ("boris", 8), ("vera", 8), ("gleb", 8)]


def test_g12_a_group_in_which_one_answered_misses_nothing():
    assert offers_of("g12") == []
