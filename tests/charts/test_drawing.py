"""Are charts drawn as specified, once, and without ever holding up who asks for them?"""

from __future__ import annotations

import asyncio
import json
import struct
import zlib
from pathlib import Path

import pytest

from hub.charts.child import smaller
from hub.charts.drawing import FOLDER, Chart, Drawer
from hub.errors import Temporary

BARS = Chart(
    "misses_by_day",
    {"misses_by_day": [{"day": "2026-11-24", "fate": "lost", "order": 1, "n": 3}], "closed_days": []},
    {"top": 5},
)


def child(folder: Path, text: str) -> Path:
    program = folder / "child.py"
    program.write_text(f"import sys, time\nasked = sys.stdin.buffer.read()\n{text}\n", encoding="utf-8")
    return program


def size_of(png: bytes) -> tuple[int, int]:
    return struct.unpack(">II", png[16:24])


async def test_a_chart_is_a_picture_of_twice_its_size_and_is_drawn_once(tmp_path):
    drawer = Drawer()
    [png] = await drawer.png([BARS], "ru")
    assert png.startswith(b"\x89PNG")
    assert size_of(png)[0] > 2 * 440
    drawer._child = child(tmp_path, "sys.exit(1)")
    assert await drawer.png([BARS, BARS], "ru") == [png, png]
    with pytest.raises(Temporary):
        await drawer.png([BARS], "en")


async def test_a_renderer_that_hangs_is_ended_in_time(tmp_path):
    drawer = Drawer(0.5, child(tmp_path, "time.sleep(60)"))
    with pytest.raises(Temporary, match=r"within"):
        await asyncio.wait_for(drawer.png([BARS], "ru"), 10)


async def test_a_renderer_that_fails_is_told_with_its_reason(tmp_path):
    with pytest.raises(Temporary, match="out of colours"):
        await Drawer(child=child(tmp_path, "sys.exit('out of colours')")).png([BARS], "ru")


def test_packing_changes_no_pixel():
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = b"".join(b"\0" + b"\x10\x20\x30" * 50 for _ in range(50))
    loose = zlib.compress(lines, 0)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50, 50, 8, 2, 0, 0, 0))
    parts = [chunk(b"IDAT", loose[at : at + 999]) for at in range(0, len(loose), 999)]
    packed = smaller(b"\x89PNG\r\n\x1a\n" + head + b"".join(parts) + chunk(b"IEND", b""))
    assert packed.count(b"IDAT") == 1
    at = packed.index(b"IDAT")
    (length,) = struct.unpack(">I", packed[at - 4 : at])
    assert zlib.decompress(packed[at + 4 : at + 4 + length]) == lines
    assert len(packed) < 300


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.vl.json")), ids=lambda path: path.name)
def test_a_specification_names_its_data_and_no_address(path):
    text = path.read_text(encoding="utf-8")
    assert "http" not in text
    spec = json.loads(text)
    assert "mail" in spec["usermeta"]
    assert all("name" in layer["data"] for layer in spec["layer"])


def test_the_program_of_the_child_loads_nothing_of_the_hub():
    assert "hub." not in (FOLDER / "child.py").read_text(encoding="utf-8").replace("nothing of the hub", "")
