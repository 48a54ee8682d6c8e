"""Do the same calls come out where the installation is another: driver, names, numbers, account, clock, order?"""

from __future__ import annotations

import functools
import gzip
import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_recordings import ONE_SIDED
from truth import FIXTURES, SCENARIOS, check_folder, fold, site

from plugins.telephony.asterisk.files import read

pytestmark = pytest.mark.slow

Packets = list[dict[str, Any]]
SINGLE = [name for name in SCENARIOS if name != "ami-gap"]
_ID = re.compile(r"\b1795\d{6}\.\d+\b")
_QUOTED_ID = re.compile(r'"(1795\d{6}\.\d+)"')


def packets_of(folder: Path) -> Packets:
    packed = folder / "ami.jsonl.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "ami.jsonl").read_bytes()
    return [json.loads(line) for line in text.splitlines()]


def each_value(packets: Packets, change: Callable[[str], str]) -> Packets:
    return [
        {**packet, "fields": [[key, value if key == "Timestamp" else change(value)] for key, value in packet["fields"]]}
        for packet in packets
    ]


def get(packet: dict[str, Any], name: str) -> str:
    return next((value for key, value in packet["fields"] if key == name), "")


def wrong(
    scenario: str,
    tmp: Path,
    packets: Packets,
    *,
    as_raw: bool = False,
    skip: frozenset[str] = frozenset(),
    truth: Callable[[str], str] = str,
    **settings: Any,
) -> list[str]:
    """What the changed recording tells otherwise than the (equally changed) truth."""
    folder = FIXTURES / scenario
    here = tmp / scenario
    here.mkdir()
    for name in ("source.json", "expected.json"):
        (here / name).write_text(truth((folder / name).read_text()))
    if as_raw:
        blocks = ["".join(f"{key}: {value}\r\n" for key, value in packet["fields"]) for packet in packets]
        (here / "ami.raw").write_bytes(("Asterisk Call Manager/11.0.0\r\n" + "\r\n".join(blocks) + "\r\n").encode())
    else:
        (here / "ami.jsonl").write_text("".join(json.dumps(packet) + "\n" for packet in packets))
    options, context = site(here)
    options = options.model_copy(update=settings)
    calls = fold(read(here, scenario, options, context), options, context)
    found = [f"{scenario} {line}" for line in check_folder(calls, here, skip=skip)]
    return [line for line in found if not line.replace("office-", "").startswith(ONE_SIDED)]


@pytest.mark.parametrize("scenario", SINGLE)
def test_another_driver_and_another_trunk(scenario: str, tmp_path: Path) -> None:
    def renamed(text: str) -> str:
        return text.replace("PJSIP/trunk", "SIP/rt-msk_1").replace("PJSIP/", "SIP/")

    packets = each_value(packets_of(FIXTURES / scenario), renamed)
    assert wrong(scenario, tmp_path, packets, truth=renamed) == []


@pytest.mark.parametrize("scenario", SINGLE)
def test_systemname_in_ids_and_events(scenario: str, tmp_path: Path) -> None:
    def named(text: str) -> str:
        return _ID.sub(lambda found: f"office-{found.group()}", text)

    packets = each_value(packets_of(FIXTURES / scenario), named)
    for packet in packets:
        packet["fields"].insert(1, ["SystemName", "office"])
    quoted = functools.partial(_QUOTED_ID.sub, r'"office-\1"')
    assert wrong(scenario, tmp_path, packets, as_raw=True, truth=quoted) == []


@pytest.mark.parametrize("scenario", SINGLE)
@pytest.mark.parametrize("form", ["+7", "8", ""])
def test_dids_in_any_form(scenario: str, form: str, tmp_path: Path) -> None:
    def written(text: str) -> str:
        return re.sub(r"\b7(4950010\d{3})\b", lambda found: form + found.group(1), text)

    packets = each_value(packets_of(FIXTURES / scenario), written)
    assert wrong(scenario, tmp_path, packets, truth=written) == []


@pytest.mark.parametrize("scenario", SINGLE)
def test_four_digit_extensions(scenario: str, tmp_path: Path) -> None:
    def longer(text: str) -> str:
        return re.sub(r"(?<![\d.])(10[1-6])(?![\d.])", r"2\1", text)

    packets = each_value(packets_of(FIXTURES / scenario), lambda value: value if _ID.search(value) else longer(value))
    assert wrong(scenario, tmp_path, packets, truth=longer) == []


@pytest.mark.parametrize("scenario", SINGLE)
def test_no_timestamp_and_only_the_moment_of_receipt(scenario: str, tmp_path: Path) -> None:
    packets = packets_of(FIXTURES / scenario)
    for packet in packets:
        packet["fields"] = [pair for pair in packet["fields"] if pair[0] != "Timestamp"]
    assert wrong(scenario, tmp_path, packets) == []


@pytest.mark.parametrize("scenario", SINGLE)
@pytest.mark.parametrize("lacking", [("dialplan",), ("agent",), ("dialplan", "agent", "dtmf", "user")])
def test_an_account_that_sees_less(scenario: str, lacking: tuple[str, ...], tmp_path: Path) -> None:
    packets = [
        packet
        for packet in packets_of(FIXTURES / scenario)
        if not set(get(packet, "Privilege").split(",")) & set(lacking)
    ]
    assert wrong(scenario, tmp_path, packets) == []


@pytest.mark.parametrize("scenario", SINGLE)
def test_only_the_needed_classes_without_cel(scenario: str, tmp_path: Path) -> None:
    wanted = {"call", "agent", "cdr", "system"}
    packets = [
        packet
        for packet in packets_of(FIXTURES / scenario)
        if get(packet, "Event") != "CEL"
        and (not get(packet, "Privilege") or set(get(packet, "Privilege").split(",")) & wanted)
        and get(packet, "Event") not in {"Newexten", "VarSet"}
    ]
    assert wrong(scenario, tmp_path, packets) == []


@pytest.mark.parametrize("scenario", SINGLE)
@pytest.mark.parametrize("seed", [1, 2])
def test_cdr_and_cel_events_in_any_order_and_everything_twice(scenario: str, seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    packets = packets_of(FIXTURES / scenario)
    loose = [packet for packet in packets if get(packet, "Event") in {"Cdr", "CEL"}]
    dice.shuffle(loose)
    shuffled = iter(loose)
    packets = [next(shuffled) if get(packet, "Event") in {"Cdr", "CEL"} else packet for packet in packets]
    doubled = [one for packet in packets for one in ([packet, packet] if dice.random() < 0.3 else [packet])]
    assert wrong(scenario, tmp_path, doubled) == []
