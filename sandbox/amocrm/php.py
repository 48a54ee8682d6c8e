"""How does PHP read and write nested brackets? `filter[id][]=1&filter[id][]=2` and the like, in addresses and in webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

Tree = dict[str, Any]
"""Keys are texts, `[]` counts from "0"; leaves are texts."""


def parse(text: str) -> Tree:
    """Read a query string or a form; the same key given twice keeps the last value, as in PHP."""
    tree: Tree = {}
    for key, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        _put(tree, _steps(key), value)
    return tree


def _steps(key: str) -> list[str]:
    head, bracket, rest = key.partition("[")
    return [head, *(step.split("]")[0] for step in rest.split("["))] if bracket else [head]


def _put(tree: Tree, steps: list[str], value: str) -> None:
    *parents, last = steps
    for step in parents:
        inner = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(inner, dict):
            inner = tree[step] = {}
        tree = inner
    tree[last or str(len(tree))] = value


def values(node: object) -> list[str]:
    """A list in any of its spellings: `a[]=1&a[]=2`, `a[0]=1&a[1]=2`, `a=1,2`."""
    if isinstance(node, dict):
        return [value for inner in node.values() for value in values(inner)]
    return [part.strip() for part in str(node).split(",") if part.strip()] if node is not None else []


def integers(node: object) -> list[int]:
    """The numbers of a list; what is none is left out."""
    return [int(value) for value in values(node) if value.lstrip("-").isdigit()]


def build(tree: Mapping[str, Any]) -> str:
    """Write a form as PHP's http_build_query does: every value a text, spaces as `+`, absent values left out."""
    return urlencode(list(flat(tree)), quote_via=quote_plus)


def flat(node: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The leaves as pairs of `a[b][0]` and text."""
    if isinstance(node, Mapping):
        for name, inner in node.items():
            yield from flat(inner, f"{key}[{name}]" if key else str(name))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, inner in enumerate(node):
            yield from flat(inner, f"{key}[{index}]")
    elif isinstance(node, bool):
        yield key, str(int(node))
    elif node is not None:
        yield key, str(node)
