"""Do the published examples hold, however their records arrive?"""

import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from tests.inside import PLAIN, golden_runner

HERE = Path(__file__).parent
EXAMPLES = sorted(path.parent.name for path in HERE.glob("*/expect.json"))
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
    return golden_runner()


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
