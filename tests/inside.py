"""Run `crmhub` as a function of this process: a program's start is longer than what it does in an example."""

import contextlib
import functools
import importlib.util
import io
import sys
import tempfile
import types
from pathlib import Path

import typer.main

from hub import cli

RUNNER = Path(__file__).parent / "golden" / "run.py"
PLAIN = {"permute": None, "split": False, "split_size": 1, "import_now": False, "timeout": 120, "verbose": False}
"""The options of the runner as they are when none is given."""


class Inside:
    """`crmhub` in a folder: (output, None), or (None, the reason of the failure)."""

    def __init__(self, program, folder, timeout):
        self.folder = folder

    def __call__(self, *arguments):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            before, sys.argv = sys.argv, ["crmhub", *arguments]
            try:
                cli.main()
                code = 0
            except SystemExit as end:
                code = end.code
            finally:
                sys.argv = before
        said = [stream.buffer.getvalue().decode() for stream in (out, err)]
        return (said[0], None) if not code else (None, f"exit {code}: {said[1].strip() or said[0].strip()}")


def golden_runner():
    """The published runner of examples, whose commands run in this process."""
    spec = importlib.util.spec_from_file_location("golden_runner", RUNNER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.Hub = Inside
    memory = Path("/dev/shm")  # what an example writes is looked at once: a disk would only make it wait
    folder = functools.partial(tempfile.TemporaryDirectory, dir=memory if memory.is_dir() else None)
    module.tempfile = types.SimpleNamespace(TemporaryDirectory=folder)
    typer.main.get_command = functools.cache(typer.main.get_command)  # a quarter of a command's time otherwise
    return module
