"""Draws pictures in a process of its own: specifications as JSON come in, as many PNG go out, each behind its length.

Run by its path, so that nothing of the hub is loaded: the renderer is a browser's engine, and its memory is given back
when the process ends.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Iterator

import vl_convert

SCALE = 2
"""Pixels of the picture for one of the page: sharp on the screens that people read mail on."""


def smaller(png: bytes) -> bytes:
    """The same picture, its lines packed as tight as they go: the renderer hardly packs at all, a mail should be small."""
    parts, packed = [png[:8]], b""
    for kind, body in _chunks(png):
        if kind == b"IDAT":
            packed += body
            continue
        if kind == b"IEND":
            parts.append(_chunk(b"IDAT", zlib.compress(zlib.decompress(packed), 9)))
        parts.append(_chunk(kind, body))
    return b"".join(parts)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def main() -> None:
    """Draw what standard input asks for."""
    asked = json.load(sys.stdin.buffer)
    for spec in asked["specs"]:
        drawn = vl_convert.vegalite_to_png(
            spec,
            vl_version="5.21",
            scale=SCALE,
            format_locale=asked["locale"],
            time_format_locale=asked["locale"],
            allowed_base_urls=[],
        )
        packed = smaller(drawn)
        sys.stdout.buffer.write(struct.pack(">I", len(packed)) + packed)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
