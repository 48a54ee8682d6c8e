"""Is the repository what its front page promises: lean lock, defended libraries, no vendor in the hub?"""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PACKED = ("hub", "plugins", "sandbox")


def locked() -> dict[str, str]:
    """Version by name of every line of the lock."""
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", LOCK, re.MULTILINE))


def name_of(requirement: str) -> str:
    return re.split(r"[\[><=;~ ]", requirement)[0].lower()


def test_lock_names_no_registry():
    assert not re.search(r"://|--(extra-)?index-url|--find-links", LOCK)


def test_every_line_of_the_lock_has_hashes():
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_lock_holds_every_dependency_and_extra():
    wanted = [
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    ]
    assert {name_of(line) for line in wanted} - {"crmhub"} <= set(locked())


def test_every_dependency_is_defended():
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    assert [name_of(line) for line in PROJECT["dependencies"] if name_of(line) not in page] == []


def test_the_hub_names_no_vendor():
    vendors = set(PROJECT["entry-points"]["hub.plugins"]) - {"records", "email"}  # our own format, and everybody's
    named = re.compile("|".join(sorted(vendors)), re.IGNORECASE)
    assert [str(path) for path in (ROOT / "hub").rglob("*.py") if named.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
def test_the_wheel_holds_every_file_that_the_programs_read(tmp_path):
    source = tmp_path / "source"
    for name in PACKED:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "import setuptools.build_meta, sys; setuptools.build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=source, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    wanted = {
        path.relative_to(source).as_posix() for name in PACKED for path in (source / name).rglob("*") if path.is_file()
    }
    assert wanted - set(zipfile.ZipFile(wheel).namelist()) == set()
