"""Run `crmhub` as a function of this process: a program's start is longer than what it does in most tests."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import io
import json
import shutil
import sys
import tempfile
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main

from hub import cli
from hub.store import migrate

RUNNER = Path(__file__).parent / "golden" / "run.py"
PLAIN = {"permute": None, "split": False, "split_size": 1, "import_now": False, "timeout": 120, "verbose": False}
"""The options of the runner as they are when none is given."""
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""Where what is written and looked at once needs no disk."""

_one_at_a_time = threading.Lock()
"""A process has one folder and one standard output."""
typer.main.get_command = functools.cache(typer.main.get_command)  # a quarter of a command's time otherwise


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> Any:
        """Its `--json`."""
        return json.loads(self.out)


def crmhub(folder: Path, *arguments: str | Path, stdin: bytes = b"") -> Done:
    """The command in that folder, from any thread."""
    given, out, err = (io.TextIOWrapper(io.BytesIO(content), encoding="utf-8") for content in (stdin, b"", b""))
    with (
        _one_at_a_time,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        before = sys.stdin, sys.argv
        sys.stdin, sys.argv = given, ["crmhub", *map(str, arguments)]
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.stdin, sys.argv = before
            gc.unfreeze()  # a hub freezes what is there when it opens, which here is what others left behind
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Done(code, *said)


class Inside:
    """What the published runner takes for the program: (output, None), or (None, the reason of the failure)."""

    def __init__(self, program: Any, folder: Path, timeout: float) -> None:
        self.folder = folder
        shutil.copytree(_migrated(), folder, dirs_exist_ok=True)

    def __call__(self, *arguments: str) -> tuple[str | None, str | None]:
        done = crmhub(self.folder, *arguments)
        return (None, f"exit {done.code}: {done.err.strip() or done.out.strip()}") if done.code else (done.out, None)


@functools.cache
def _migrated() -> Path:
    """A folder with an empty store: making one takes longer than what most examples do."""
    folder = Path(tempfile.mkdtemp(prefix="crmhub-migrated-", dir=MEMORY))
    (folder / "var").mkdir(mode=0o700)
    migrate.upgrade(f"sqlite:///{folder / 'var' / 'hub.db'}")
    return folder


def golden_runner() -> types.ModuleType:
    """The published runner of examples, whose commands run in this process."""
    spec = importlib.util.spec_from_file_location("golden_runner", RUNNER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.Hub = Inside
    module.tempfile = types.SimpleNamespace(
        TemporaryDirectory=functools.partial(tempfile.TemporaryDirectory, dir=MEMORY)
    )
    return module
