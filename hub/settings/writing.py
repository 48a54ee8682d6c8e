"""How does a connection get into `config.toml` without disturbing what people wrote there?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import BaseModel
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Comment, Table

from hub.settings.meanings import Language
from hub.settings.reading import parse
from hub.settings.template import draft, section


def with_connection(
    text: str,
    name: str,
    plugin: str,
    model: type[BaseModel],
    options: Mapping[str, Any],
    language: Language = "en",
    words: Mapping[str, str] | None = None,
) -> str:
    """The text of a configuration with this connection in it.

    A new one is added at the end, every key that is not given beside it as a remark; `words` are the remarks in the
    file's language. Of one that is there only the keys that differ are changed, and an option that is None is taken out;
    comments and order stay. What is as by default is not written where it does not stand already.
    """
    document = tomlkit.parse(text)
    existing = document.get("connections", {}).get(name)
    there = existing if isinstance(existing, Table) else {}
    changed = {key: value for key, value in options.items() if key in there or not _is_default(model, key, value)}
    if isinstance(existing, Table):
        _change(existing, changed)
        return tomlkit.dumps(document)
    given = {key: value for key, value in changed.items() if value is not None}
    end = "\r\n" if "\r\n" in text else "\n"
    added = section(draft(name, plugin, model, given, words=words), language)
    body = text.rstrip()
    return (body + end * 2 if body else "") + "".join(line + end for line in added)


def _is_default(model: type[BaseModel], key: str, value: Any) -> bool:
    field = next((field for name, field in model.model_fields.items() if key in {name, field.alias}), None)
    return field is not None and bool(field.default == value)


def write(path: Path, text: str) -> None:
    """Put the text in the place of the file at once, or leave the file as it was. ConfigError where it would be wrong.

    A file that is a link stays one; its mode is kept, and its owner where the writer may give files away.
    """
    parse(text, path)
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _made_like(target, beside)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _made_like(target: Path, beside: Path) -> None:
    known = target.stat()
    beside.chmod(known.st_mode & 0o7777)
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(beside, known.st_uid, known.st_gid)


def _change(table: Table, options: Mapping[str, Any]) -> None:
    for key, value in options.items():
        if value is None:
            table.pop(key, None)
        elif key not in table:
            _add(table, key, _item(value))
        elif table[key] != value:
            table[key] = _item(value)


def _add(table: Table, key: str, item: Any) -> None:
    """A new key takes the place of the remark that shows it, else stands below the last key.

    tomlkit itself would put it below the remarks that introduce the next table.
    """
    rows = table.value.body
    for _, row in rows:
        shown = _shown(row, key)
        if shown is not None:
            shown[key] = item
            row.trivia.comment = tomlkit.dumps(shown).strip()
            return
    line = tomlkit.document()
    line[key] = item
    last = next(row for known, row in reversed(rows) if known is not None and not isinstance(row, Table | AoT))
    before = last.trivia.trail or "\n"
    end = "\r\n" if "\r\n" in before else "\n"
    last.trivia.trail = before + tomlkit.dumps(line).strip() + end


def _shown(row: Any, key: str) -> tomlkit.TOMLDocument | None:
    """The line that this remark would be without its sign, if it is one that gives the key."""
    if not isinstance(row, Comment):
        return None
    try:
        line = tomlkit.parse(row.trivia.comment.removeprefix("#").strip())
    except TOMLKitError:
        return None
    return line if key in line else None


def _item(value: Any) -> Any:
    """References stay on one line, as people write them."""
    if not isinstance(value, Mapping):
        return value
    inline = tomlkit.inline_table()
    inline.update(value)
    return inline
