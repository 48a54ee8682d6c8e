"""Payloads as the vendor gives them, from the contract's pages."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "fixtures"


def payload(name: str, /, **other: Any) -> dict[str, Any]:
    """A recorded object, some keys of it changed."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return {**found, **other}


def lines(name: str) -> list[tuple[str, str]]:
    """Names and values of a recorded form."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return [(line.partition("=")[0], line.partition("=")[2]) for line in text.splitlines()]
