"""Where is a secret kept, and what is it?

A configuration names secrets instead of holding them: `{ env = "NAME" }`, `{ file = "path" }`, `{ stored = "name" }`. They are
looked up when a connection is opened, so that a missing variable is a mistake of that connection and not of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal, cast

from hub.settings.mistakes import Path, Wrong

Source = Literal["env", "file", "stored"]
SOURCES: tuple[Source, ...] = ("env", "file", "stored")
EXAMPLE = '{ env = "PBX_SECRET" }'


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret: an environment variable, a file, or a name in the hub's encrypted store."""

    source: Source
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Where secrets are looked up: the environment, files beside the configuration, and what the hub stores."""

    environ: Mapping[str, str]
    folder: FilePath
    stored: Callable[[str], str | None] = lambda _: None


def secret_of(value: object) -> Secret | None:
    """The reference that a value of the configuration is, None for every other value."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    source, name = next(iter(value.items()))
    return Secret(cast(Source, source), name) if source in SOURCES and isinstance(name, str) and name else None


def check_references(value: object, path: Path, wrong: Wrong) -> None:
    """Note tables that look like a reference and are none."""
    if isinstance(value, dict):
        if value and secret_of(value) is None and value.keys() <= set(SOURCES):
            wrong.add(path, "names no secret: give one of env, file or stored, with a text", EXAMPLE)
        for key, inner in value.items():
            check_references(inner, (*path, key), wrong)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            check_references(inner, (*path, number), wrong)


def resolved(value: Any, path: Path, vault: Vault, wrong: Wrong) -> Any:
    """The value with every reference in it replaced by the secret; mistakes are noted and left as None."""
    secret = secret_of(value)
    if secret is not None:
        try:
            return look_up(secret, vault)
        except ValueError as error:
            wrong.add(path, str(error), EXAMPLE)
            return None
    if isinstance(value, dict):
        return {key: resolved(inner, (*path, key), vault, wrong) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, (*path, number), vault, wrong) for number, inner in enumerate(value)]
    return value


def look_up(secret: Secret, vault: Vault) -> str:
    """The secret itself. ValueError says what is missing and what to do about it; it never holds the secret."""
    if secret.source == "env":
        found = vault.environ.get(secret.name)
        return found or _absent(f"the environment variable {secret.name} is not set; export it or name another")
    if secret.source == "stored":
        found = vault.stored(secret.name)
        return found or _absent(f'no secret is stored under "{secret.name}"; connect this system anew')
    file = vault.folder / secret.name
    try:
        found = file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"the file {file} cannot be read ({reason}); write the secret into it, alone") from error
    return found or _absent(f"the file {file} is empty; write the secret into it, alone")


def _absent(problem: str) -> str:
    raise ValueError(problem)
