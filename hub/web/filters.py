"""What did the reader ask a list for? The filter is its address (ui.md 2)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

LONGEST = 100
"""Signs of a search."""


class Asked:
    """The parameters of a list's address; what they say wrongly is kept, to be shown as not understood."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._wrong: list[str] = []

    def one_of(self, name: str, allowed: Container[str], default: str = "") -> str:
        """One of the values that are allowed, the default where none is given or a wrong one."""
        value = self._given.get(name, "")
        if not value or value in allowed:
            return value or default
        self._wrong.append(f"{name}={value[:40]}")
        return default

    @property
    def query(self) -> str:
        """What is searched for."""
        return self._given.get("q", "").strip()[:LONGEST]

    @property
    def before(self) -> str:
        """Where an older page begins, empty for the newest."""
        return self._given.get("before", "")

    @property
    def wrong(self) -> Sequence[str]:
        """What was not understood so far."""
        return tuple(self._wrong)
