"""What goes wrong between a vendor and his client, when, and how often? The same seed brings the same misfortunes.

A rule is an object; in TOML a file of `[[fault]]` tables, in JSON a list of them:

    kind         latency, status, expired, lost or half
    method       GET, POST …, any when absent
    path         a pattern such as `/api/v4/contacts*`, any when absent
    skip         so many requests that fit pass first (0)
    count        it strikes so often, without end when absent
    probability  the chance for each request that fits (1)
    status       of `status`: 429, 500, 504 …
    seconds      of `latency`

`lost` does the work and then breaks the connection without an answer; `half` breaks it in the middle of the body; `expired`
refuses the token as if its time were up.
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

Kind = Literal["latency", "status", "expired", "lost", "half"]


@dataclass(frozen=True)
class Fault:
    """One rule."""

    kind: Kind
    method: str = ""
    path: str = "*"
    skip: int = 0
    count: int | None = None
    probability: float = 1.0
    status: int = 500
    seconds: float = 0.0

    def fits(self, method: str, path: str) -> bool:
        return self.method in {"", method} and fnmatchcase(path, self.path)


class Faults:
    """The rules in force. Each rolls its own dice, so that one rule does not change what another does."""

    def __init__(self, rules: Iterable[Fault] = (), seed: int = 1) -> None:
        self._rules = [_Counted(rule, random.Random(f"{seed}/{index}")) for index, rule in enumerate(rules)]
        self.struck: dict[str, int] = {}
        """How often each kind struck so far."""

    def meet(self, method: str, path: str) -> list[Fault]:
        """What befalls this request; every latency, and the first of everything else."""
        struck: list[Fault] = []
        for rule in self._rules:
            is_first = rule.fault.kind == "latency" or not any(one.kind != "latency" for one in struck)
            if is_first and rule.strikes(method, path):
                struck.append(rule.fault)
                self.struck[rule.fault.kind] = self.struck.get(rule.fault.kind, 0) + 1
        return struck


class _Counted:
    def __init__(self, fault: Fault, dice: random.Random) -> None:
        self.fault, self._dice = fault, dice
        self._seen = self._struck = 0

    def strikes(self, method: str, path: str) -> bool:
        fault = self.fault
        if not fault.fits(method, path):
            return False
        self._seen += 1
        is_over = fault.count is not None and self._struck >= fault.count
        if self._seen <= fault.skip or is_over or self._dice.random() >= fault.probability:
            return False
        self._struck += 1
        return True


def read(rules: Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Rules from objects; raises ValueError that says which word is not understood."""
    return tuple(_read(rule) for rule in rules)


def load(path: Path) -> tuple[Fault, ...]:
    """The rules of a file, TOML or JSON."""
    content = path.read_text(encoding="utf-8")
    parsed = json.loads(content) if path.suffix == ".json" else tomllib.loads(content)
    return read(parsed if isinstance(parsed, list) else parsed.get("fault", parsed.get("faults", [])))


def _read(rule: Mapping[str, Any]) -> Fault:
    known = {field.name for field in fields(Fault)}
    if odd := set(rule) - known:
        raise ValueError(f"a fault has no {', '.join(sorted(odd))}; it may have {', '.join(sorted(known))}")
    if rule.get("kind") not in get_args(Kind):
        raise ValueError(f"a fault's kind is one of {', '.join(get_args(Kind))}, not {rule.get('kind')!r}")
    return Fault(**{**rule, "method": str(rule.get("method", "")).upper()})
