"""Is every key of a connector asked for as what it is, and every answer understood or refused with a right example?"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, HttpUrl, SecretStr

from hub import registry
from hub.settings import questions, text_of, value_of


class Rows(BaseModel):
    """A nested table."""

    url: SecretStr


class Model(BaseModel):
    """A key of every kind."""

    address: str = Field(title="Portal address", description="the browser's address line", examples=["a.example.ru"])
    secret: SecretStr | None = Field(None, description="the key")
    port: int = 5038
    pace: float = 2
    tasks: bool = False
    calls: Literal["ignore", "read"] = "ignore"
    since: date | None = None
    prefixes: list[str] = Field(default_factory=lambda: ["a"])
    rows: Rows | str | None = None
    queues: dict[str, list[str]] = {}
    url: HttpUrl | None = None


ASKED = {item.key: item for item in questions(Model)}


def test_a_key_is_asked_for_as_what_it_is() -> None:
    assert {key: item.kind for key, item in ASKED.items()} == {
        "address": "text",
        "secret": "secret",
        "port": "number",
        "pace": "number",
        "tasks": "switch",
        "calls": "choice",
        "since": "date",
        "prefixes": "list",
        "rows": "toml",
        "queues": "toml",
        "url": "text",
    }


def test_label_hint_example_and_default_come_from_the_model() -> None:
    address = ASKED["address"]
    assert (address.label, address.hint, address.example) == (
        "Portal address",
        "the browser's address line",
        "a.example.ru",
    )
    assert (address.required, address.default) == (True, None)
    assert (ASKED["port"].label, ASKED["port"].required, ASKED["port"].default) == ("port", False, 5038)
    assert ASKED["prefixes"].default == ["a"]
    assert ASKED["calls"].choices == ("ignore", "read")


def test_what_is_needed_to_get_in_is_asked_first() -> None:
    assert [item.key for item in questions(Model, ["secret", "address"]) if item.first] == ["address", "secret"]
    assert all(item.first for item in ASKED.values())


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("address", " a.ru ", "a.ru"),
        ("address", "", None),
        ("address", "http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("secret", "s3", "s3"),
        ("secret", "env:AMO", {"env": "AMO"}),
        ("secret", "file:keys/a", {"file": "keys/a"}),
        ("port", "5039", 5039),
        ("pace", "0.5", 0.5),
        ("tasks", "Yes", True),
        ("tasks", "нет", False),
        ("calls", "read", "read"),
        ("since", "2026-01-31", date(2026, 1, 31)),
        ("prefixes", "a, b", ["a", "b"]),
        ("prefixes", '["a,b"]', ["a,b"]),
        ("rows", "cdr.csv", "cdr.csv"),
        ("rows", '{ url = "x" }', {"url": "x"}),
        ("queues", '{ s = ["1"] }', {"s": ["1"]}),
    ],
)
def test_a_typed_text_means(key: str, text: str, value: Any) -> None:
    assert value_of(ASKED[key], text) == value


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("port", "many", '"many" is no number; write for example 5038'),
        ("tasks", "maybe", '"maybe" is neither yes nor no'),
        ("calls", "all", '"all" is none of ignore, read'),
        ("since", "31.01.2026", "write for example 2026-01-31"),
        ("queues", "{ s = ", "cannot be read"),
    ],
)
def test_a_wrong_text_is_refused_with_a_right_example(key: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^.") as refused:
        value_of(ASKED[key], text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "a.ru"),
        ("secret", {"env": "AMO"}),
        ("port", 1),
        ("tasks", True),
        ("tasks", False),
        ("since", date(2026, 1, 31)),
        ("prefixes", ["a", "b"]),
        ("queues", {"s": ["1"]}),
        ("rows", "cdr.csv"),
        ("address", None),
    ],
)
def test_a_value_is_shown_as_it_would_be_typed(key: str, value: Any) -> None:
    assert value_of(ASKED[key], text_of(ASKED[key], value)) == value


def test_every_connector_of_ours_can_be_asked_for() -> None:
    for connector in registry.load().connectors.values():
        for item in questions(connector.settings):
            assert item.hint, f"{connector.name}.{item.key} does not say where its value is found"
            text_of(item, item.default)
