"""Do the figures follow the text of their definitions, clause by clause, however the records arrive?"""

import os
from argparse import Namespace
from pathlib import Path

import pytest

from tests.inside import PLAIN, golden_runner

HERE = Path(__file__).parent
EXAMPLES = sorted(path.parent.name for path in HERE.glob("*/expect.json"))
OTHERWISE = {
    "shuffled and repeated": {"permute": 11},
    "three records an import": {"split": True, "split_size": 3},
    "imported now": {"import_now": True},
    "shuffled, two records an import, now": {"permute": 5, "split": True, "split_size": 2, "import_now": True},
}

pytestmark = pytest.mark.slow


def _runs():
    """(example, mode): in turn one mode an example, with CRMHUB_EXAMPLES=all every mode."""
    for number, example in enumerate(EXAMPLES):
        yield example, "as it stands"
        modes = list(OTHERWISE)
        if os.environ.get("CRMHUB_EXAMPLES") != "all":
            modes = [modes[number % len(modes)]]
        yield from ((example, mode) for mode in modes)


@pytest.fixture(scope="module")
def runner():
    return golden_runner()


@pytest.mark.parametrize(("example", "mode"), list(_runs()))
def test_example_holds(runner, example, mode, capsys):
    options = Namespace(**PLAIN | OTHERWISE.get(mode, {}))
    passed, total = runner.run_case(HERE / example, options, [])
    assert passed == total, capsys.readouterr().out
