"""How does a wrong configuration become a list of mistakes, each with its key, its line and a right example?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hub.errors import ConfigError, Mistake

Path = tuple[str | int, ...]
"""Where a value stands: `("team", "anna", "handles", 0)`."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]")
_ENTRY = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")


@dataclass(slots=True)
class Wrong:
    """Mistakes found so far, each with its place."""

    found: list[tuple[Path, str, str]] = field(default_factory=list)

    def add(self, path: Path, problem: str, example: str = "") -> None:
        self.found.append((path, problem, example))

    def error(self, source: str, text: str = "") -> ConfigError:
        """All of them as one error, in the order of the file."""
        lines = _Lines(text)
        placed = sorted(
            (Mistake(key_text(path), problem, example, lines.of(path)) for path, problem, example in self.found),
            key=lambda mistake: (mistake.line or 0, mistake.key),
        )
        return ConfigError(placed, source)


def key_text(path: Path) -> str:
    """A place as one writes it: `team.anna.handles.0`, with quotes where TOML needs them."""
    return ".".join(str(part) if isinstance(part, int) or _BARE.fullmatch(part) else f'"{part}"' for part in path)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean "duty"?` with a space before it, or nothing."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def unknown_key(word: str, known: Collection[str]) -> str:
    """The sentence for a key that nobody reads."""
    return f"there is no such key{did_you_mean(word, known) or '; known are ' + ', '.join(sorted(known))}"


def from_model(
    error: ValidationError,
    model: type[BaseModel],
    prefix: Path,
    examples: Mapping[str, str] | None = None,
    also: Iterable[str] = (),
    *,
    quote: bool = False,
) -> list[tuple[Path, str, str]]:
    """What pydantic found wrong in a table, in our words.

    The example of a field is the first of its `examples`, or `examples` by its key; its description is added, for it
    says where an operator finds the value. `also` are keys of the table that the model does not read. Values are shown
    only with `quote`: those of a connection may be secrets.
    """
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    known = {*fields, *also}
    return [
        _from_detail(detail, fields, known, prefix, examples or {}, quote) for detail in error.errors(include_url=False)
    ]


def _from_detail(
    detail: ErrorDetails,
    fields: Mapping[str, FieldInfo],
    known: Collection[str],
    prefix: Path,
    examples: Mapping[str, str],
    quote: bool,
) -> tuple[Path, str, str]:
    place: Path = detail["loc"]
    return (
        (*prefix, *place),
        _problem(detail, known, quote) + _description(fields, place),
        _example(fields, place, examples),
    )


def _description(fields: Mapping[str, FieldInfo], place: Path) -> str:
    told = fields.get(str(place[0])) if len(place) == 1 else None
    return f"; {told.description}" if told is not None and told.description else ""


def _example(fields: Mapping[str, FieldInfo], place: Path, examples: Mapping[str, str]) -> str:
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    told = fields.get(key) if len(place) == 1 else None
    return str(told.examples[0]) if told is not None and told.examples else examples.get(key, "")


def _problem(detail: ErrorDetails, known: Collection[str], quote: bool) -> str:
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        return unknown_key(key, known) if len(detail["loc"]) == 1 else f'there is no key "{key}" here'
    if detail["type"] == "missing":
        return "is missing"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    said = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{_short(detail['input'])}: {said}" if quote else said


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) < 60 else shown[:57] + "…"


class _Lines:
    """On which line of a TOML text a key stands. Reads headers and beginnings of entries only."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        header: Path = ()
        counts: dict[Path, int] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if found := _HEADER.match(line):
                header = _numbered(_parts(found[2]), counts)
                if found[1] == "[[":
                    counts[header] = counts.get(header, -1) + 1
                    header = (*header, counts[header])
                self._lines.setdefault(header, number)
            elif found := _ENTRY.match(line):
                self._lines.setdefault((*header, *_parts(found[1])), number)

    def of(self, path: Path) -> int | None:
        """The line of the key, or of the nearest table around it."""
        known = (self._lines.get(path[:length]) for length in range(len(path), 0, -1))
        return next((line for line in known if line), None)


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, dotted))


def _numbered(path: Path, counts: Mapping[Path, int]) -> Path:
    """A header's path with the number of the list item that it is within."""
    out: Path = ()
    for part in path[:-1]:
        out = (*out, part)
        out = (*out, counts[out]) if out in counts else out
    return (*out, path[-1])
