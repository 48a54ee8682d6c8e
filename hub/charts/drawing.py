"""How do figures become a picture: a specification is filled with data, colours and words, and drawn in a child process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import orjson

from hub.errors import Temporary

FOLDER = Path(__file__).parent
CHILD = FOLDER / "child.py"
SECONDS = 30.0
"""How long the child may take, its start included: a slow machine draws its first picture in some three."""
KEPT = 64
"""Pictures that are kept: what several people are told of is drawn once."""
FONT = "Liberation Sans, Arial, sans-serif"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_LOCALES = {"ru": "ru-RU", "en": "en-US"}
Mode = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture to draw. name: of the specification beside this file.

    datasets: its named data. values: what stands for `$word` in it. words: texts for its labels, as `words.…` there.
    """

    name: str
    datasets: Mapping[str, Sequence[Mapping[str, Any]]]
    values: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, Any] = field(default_factory=dict)
    size: str = "mail"
    mode: Mode = "light"

    def spec(self) -> dict[str, Any]:
        """The whole Vega-Lite specification."""
        drawing = json.loads((FOLDER / f"{self.name}.vl.json").read_text(encoding="utf-8"))
        drawing["width"] = drawing.pop("usermeta")[self.size]
        theme = _theme()
        drawing |= {
            "$schema": _SCHEMA,
            "config": theme["config"] | {"background": "$surface"},
            "params": [{"name": "words", "value": dict(self.words)}],
        }
        colours = {name: both[self.mode] for name, both in theme["tokens"].items()}
        filled = _filled(drawing, {**colours, "font": FONT, **self.values})
        return {**filled, "datasets": {name: list(rows) for name, rows in self.datasets.items()}}


@cache
def _theme() -> dict[str, Any]:
    theme: dict[str, Any] = json.loads((FOLDER / "theme.json").read_text(encoding="utf-8"))
    return theme


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    """The same tree with every `$word` replaced by its value. KeyError: nothing stands for one."""
    if isinstance(node, dict):
        return {key: child if key == "$schema" else _filled(child, values) for key, child in node.items()}
    if isinstance(node, list):
        return [_filled(child, values) for child in node]
    return values[node[1:]] if isinstance(node, str) and node.startswith("$") else node


class Drawer:
    """Draws charts and remembers the last of them. One child at a time; it ends when its charts are drawn."""

    def __init__(self, seconds: float = SECONDS, child: Path = CHILD) -> None:
        self._seconds = seconds
        self._child = child
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._one = asyncio.Lock()

    async def png(self, charts: Sequence[Chart], language: str) -> list[bytes]:
        """The pictures as PNG, in order. Temporary: the renderer failed or took too long."""
        specs = [chart.spec() for chart in charts]
        keys = [_digest(spec, language) for spec in specs]
        async with self._one:
            new = {key: spec for key, spec in zip(keys, specs, strict=True) if key not in self._known}
            if new:
                drawn = await self._drawn(list(new.values()), language)
                self._known |= zip(new, drawn, strict=True)
            found = [self._known[key] for key in keys]
            for key in keys:
                self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

    async def _drawn(self, specs: Sequence[Mapping[str, Any]], language: str) -> list[bytes]:
        asked = orjson.dumps({"specs": specs, "locale": _LOCALES[language]})
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(self._child)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._seconds):
                out, errors = await child.communicate(asked)
        except TimeoutError:
            raise Temporary(f"the charts were not drawn within {self._seconds:.0f} s") from None
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if child.returncode:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            raise Temporary(f"the charts could not be drawn: {last[:300]}")
        return list(_pictures(out))


def _pictures(out: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(out):
        (length,) = struct.unpack_from(">I", out, at)
        yield out[at + 4 : at + 4 + length]
        at += 4 + length


def _digest(spec: Mapping[str, Any], language: str) -> bytes:
    return hashlib.blake2b(orjson.dumps([spec, language], option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
