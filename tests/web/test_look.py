"""Colours: text can be read in both themes, and dark is told twice the same way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.web.desk import FOLDER

CSS = (FOLDER / "static" / "hub.css").read_text(encoding="utf-8")
LIGHT, *DARK, _PRINT = re.findall(r":root[^{]*\{([^}]*--bg:[^}]*)\}", CSS)
GROUNDS = ("bg", "surface", "raised", "sunken", "hover")
PAIRS = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in GROUNDS),
    *((word, ground) for word in ("accent", "late", "soon", "good") for ground in ("surface", "sunken", "bg")),
    ("accent-ink", "accent"),
    ("accent", "accent-soft"),
    ("late", "late-soft"),
    ("soon", "soon-soft"),
    ("good", "good-soft"),
    ("surface", "late"),
    ("surface", "ink"),
]


def tokens(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", text))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(sign * 2 for sign in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("ink", "ground"), PAIRS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    found = tokens(LIGHT if theme == "light" else DARK[0])
    assert contrast(found[ink], found[ground]) >= 4.5, (found[ink], found[ground])


def test_dark_by_choice_is_dark_by_preference() -> None:
    assert len(DARK) == 2
    assert tokens(DARK[0]) == tokens(DARK[1])


def test_every_icon_that_is_asked_for_exists() -> None:
    drawn = set(re.findall(r'id="i-([\w-]+)"', (FOLDER / "static" / "icons.svg").read_text(encoding="utf-8")))
    files = [*Path(FOLDER).rglob("*.html"), *Path(FOLDER).rglob("*.py")]
    asked = set()
    for file in files:
        text = file.read_text(encoding="utf-8")
        asked |= set(re.findall(r'icon\("([\w-]+)"', text)) | set(re.findall(r"#i-([\w-]+)\"", text))
        asked |= set(re.findall(r'icon="([\w-]+)"', text))
    assert asked <= drawn


def test_no_colour_stands_outside_the_tokens() -> None:
    rules = re.sub(r":root[^{]*\{[^}]*\}", "", CSS).partition("@media print")[0]
    assert re.findall(r"#[0-9a-f]{3,6}\b", rules) == []
