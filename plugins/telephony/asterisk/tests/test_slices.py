"""Does it matter in which pieces, in which order and how often a recording is read? It must not."""

from __future__ import annotations

import functools
import json
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_variations import Packets, packets_of
from truth import FIXTURES, calls_of, fold, outcome, site

from hub.sdk import Call, Raw, Refused
from plugins.telephony.asterisk.files import read

pytestmark = pytest.mark.slow

FOLDER = FIXTURES / "mixed-stream"
packets_of = functools.cache(packets_of)


@functools.cache
def _whole() -> dict[str, Call]:
    return calls_of(FOLDER / "ami.jsonl.gz", FOLDER)


def _read(here: Path, name: str, packets: Packets) -> list[Raw | Refused]:
    file = here / name
    file.write_text("".join(json.dumps(packet) + "\n" for packet in packets))
    settings, context = site(FOLDER)
    return list(read(file, name, settings, context))


def _same(calls: dict[str, Call], whole: dict[str, Call]) -> list[tuple[Call | None, Call | None]]:
    """The calls that differ; whether a call was seen in one piece may."""
    keys = sorted({*calls, *whole})
    return [(calls.get(key), whole.get(key)) for key in keys if calls.get(key) != whole.get(key)]


def _known(calls: dict[str, Call]) -> dict[str, Call]:
    return dict(sorted(calls.items()))


@pytest.mark.parametrize("seed", range(6))
def test_slices_in_any_order_give_the_calls_of_the_whole(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    packets = packets_of(FOLDER)
    cuts = sorted(dice.sample(range(1, len(packets)), dice.randint(1, 5)))
    slices = [packets[since:to] for since, to in zip([0, *cuts], [*cuts, len(packets)], strict=True)]
    read_slices = [_read(tmp_path, f"part{number}.jsonl", part) for number, part in enumerate(slices)]
    dice.shuffle(read_slices)
    settings, context = site(FOLDER)
    calls = fold([raw for part in read_slices for raw in part], settings, context)
    assert _same(calls, _whole()) == []


@pytest.mark.parametrize("seed", range(4))
def test_overlapping_recordings_double_nothing(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    packets = packets_of(FOLDER)
    first, second = sorted(dice.sample(range(len(packets)), 2))
    parts = [_read(tmp_path, "a.jsonl", packets[:second]), _read(tmp_path, "b.jsonl", packets[first:])]
    dice.shuffle(parts)
    settings, context = site(FOLDER)
    calls = fold([raw for part in parts for raw in part], settings, context)
    assert _same(calls, _whole()) == []


def test_raw_and_jsonl_of_one_recording_are_one() -> None:
    settings, context = site(FOLDER)
    both = [raw for name in ("ami.raw.gz", "ami.jsonl.gz") for raw in read(FOLDER / name, name, settings, context)]
    assert _known(fold(both, settings, context)) == _known(_whole())


def test_the_same_recording_twice_is_the_same_raws() -> None:
    settings, context = site(FOLDER)
    once, twice = (list(read(FOLDER, "x", settings, context)) for _ in range(2))
    assert once == twice


def test_the_order_of_raws_changes_nothing() -> None:
    settings, context = site(FOLDER)
    raws = list(read(FOLDER, "x", settings, context))
    whole = _known(fold(raws, settings, context))
    for seed in range(3):
        shuffled = [*raws, *raws[::7]]
        random.Random(seed).shuffle(shuffled)
        assert _known(fold(shuffled, settings, context)) == whole


def test_a_cut_off_recording_gives_all_before_the_cut(tmp_path: Path) -> None:
    whole = (FIXTURES / "repeat-caller-callback" / "ami.raw").read_bytes()
    file = tmp_path / "ami.raw"
    file.write_bytes(whole[: len(whole) * 2 // 3])
    settings, context = site(FIXTURES / "repeat-caller-callback")
    found = list(read(file, "ami.raw", settings, context))
    (refused,) = [item for item in found if isinstance(item, Refused)]
    assert "cut off" in refused.why
    assert "everything before it is used" in refused.why
    assert len(fold(found, settings, context)) >= 2


@pytest.mark.parametrize("without", [(), ("Cdr", "CEL")])
@pytest.mark.parametrize("seed", range(8))
def test_calls_older_than_the_recording_are_told_right_or_left_open(
    seed: int, without: tuple[str, ...], tmp_path: Path
) -> None:
    packets = packets_of(FOLDER)
    start = random.Random(seed).randrange(len(packets) * 4 // 5)
    heard = [packet for packet in packets[start:] if packet["fields"][0][1] not in without]
    settings, context = site(FOLDER)
    calls = fold(_read(tmp_path, "late.jsonl", heard), settings, context)
    whole = _whole()
    for key, call in calls.items():
        assert (call.direction, call.client) == (whole[key].direction, whole[key].client)
        if call.final and outcome(call) != outcome(whole[key]):
            assert {outcome(call), outcome(whole[key])} == {"failed_technical", "no_staff"}, key


def test_a_call_that_outlives_the_recording_is_open_and_said_to_be(tmp_path: Path) -> None:
    packets = packets_of(FOLDER)
    settings, context = site(FOLDER)
    calls = fold(_read(tmp_path, "early.jsonl", packets[: len(packets) // 2]), settings, context)
    going_on = [call for call in calls.values() if call.ended_at is None]
    assert going_on
    assert all(not call.final and call.completeness == "partial" for call in going_on)
