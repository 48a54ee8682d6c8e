"""How does a form body with nested PHP names become nested values?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

Block: TypeAlias = dict[str, Any]

SCALAR = ""
"""Key of a value whose place is a container, too: `note[type]=x&note[type][uuid]=y`."""
DEEPEST = 32
"""Levels of nesting that are followed; a deeper name stays in one piece, so that no sender can exhaust the stack."""
_NAME = re.compile(r"([^\[]+)((?:\[[^\[\]]*\])*)")


def nested(body: bytes) -> Block:
    """Names like `leads[status][0][id]` as nested dictionaries, numeric parts too; values stay texts.

    Whether numbers are places in a list or keys of a map, only the reader of a block can know (`several`).
    """
    tree: Block = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100_000):
        _put(tree, _parts(name), value)
    return tree


def several(block: Any) -> list[Block]:
    """The objects of a block, whether it came as a list, as a map by numbers, or as a single one."""
    values = list(_values(block))
    return [value for value in values if isinstance(value, dict)]


def _values(block: Any) -> Iterator[Any]:
    if isinstance(block, list):
        yield from block
    elif isinstance(block, dict):
        numbered = [key for key in block if key.isdecimal()]
        if numbered:
            yield from (block[key] for key in sorted(numbered, key=int))
        else:
            yield block


def _parts(name: str) -> list[str]:
    found = _NAME.fullmatch(name)
    if found is None:
        return [name]
    parts = [found[1], *found[2][1:-1].split("][")] if found[2] else [found[1]]
    return parts if len(parts) <= DEEPEST else [name]


def _put(tree: Block, parts: list[str], value: str) -> None:
    place = tree
    for part in parts[:-1]:
        key = part or _next(place)
        inner = place.get(key)
        if not isinstance(inner, dict):
            inner = place[key] = {} if inner is None else {SCALAR: inner}
        place = inner
    last = parts[-1] or _next(place)
    if isinstance(place.get(last), dict):
        place[last][SCALAR] = value
    else:
        place[last] = value


def _next(place: Block) -> str:
    """The number that `[]` stands for."""
    return str(sum(key.isdecimal() for key in place))
