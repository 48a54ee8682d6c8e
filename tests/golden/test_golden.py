"""Do the published examples hold, however their records arrive?"""

import contextlib
import importlib.util
import io
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from hub import cli

HERE = Path(__file__).parent
# The commands that the other examples ask (`waits`, `report`) are not there yet.
EXAMPLES = ["g02", "g04", "g09", "g10", "g13", "g18", "g19", "g24", "g26"]
PLAIN = {"permute": None, "split": False, "split_size": 1, "import_now": False, "timeout": 120, "verbose": False}
MODES = {
    "as they stand": {},
    "shuffled and repeated": {"permute": 7},
    "shuffled and repeated otherwise": {"permute": 20264},
    "one import a record": {"split": True},
    "imported now": {"import_now": True},
    "shuffled, one import a record, now": {"permute": 3, "split": True, "import_now": True},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runner():
    """The published runner, whose commands run in this process: a program's start is longer than what it does here."""
    spec = importlib.util.spec_from_file_location("golden_runner", HERE / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.Hub = Inside
    return module


class Inside:
    """`crmhub` as a function: (output, None), or (None, the reason of the failure)."""

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


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
@pytest.mark.parametrize("example", EXAMPLES)
def test_example_holds(runner, example, mode, capsys):
    passed, total = runner.run_case(HERE / example, Namespace(**PLAIN | mode), [])
    assert passed == total, capsys.readouterr().out


def test_the_published_runner_agrees():
    program = shlex.join([sys.executable, "-m", "hub"])
    command = [sys.executable, HERE / "run.py", "--crmhub", program, "g09"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
