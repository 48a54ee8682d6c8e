"""Does every module say which question it answers, and every name of the plugins' door what it is?"""

import ast
import inspect
from pathlib import Path

import pytest

from hub import sdk

ROOT = Path(__file__).parents[2]
MODULES = [
    path
    for place in ("hub", "plugins", "sandbox", "benchmarks", "tests")
    for path in (ROOT / place).rglob("*.py")
    if path.stat().st_size and not {"harness", "golden"} & set(path.parts)
]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_module_has_a_docstring(module):
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sdk.__all__)
def test_the_door_explains(name):
    thing = getattr(sdk, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        own = thing.__doc__ or ""
        assert own, f"{name} has no docstring"
        assert not own.startswith(f"{name}("), f"{name} has only the docstring that dataclass writes"
