"""Which letters do these bytes mean? Labels lie, so what a text looks like decides (contract 11)."""

from __future__ import annotations

import codecs
import quopri
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from plugins.email.mime import unbase64

_ALIASES = {
    "cp1251": "windows-1251",
    "cp-1251": "windows-1251",
    "win-1251": "windows-1251",
    "win1251": "windows-1251",
    "windows1251": "windows-1251",
    "windows_1251": "windows-1251",
    "x-cp1251": "windows-1251",
    "ansi1251": "windows-1251",
    "koi8r": "koi8-r",
    "koi8_r": "koi8-r",
    "koi-8-r": "koi8-r",
    "koi8": "koi8-r",
    "x-koi8-r": "koi8-r",
    "koi8-ru": "koi8-u",
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "iso8859-5": "iso-8859-5",
    "x-mac-cyrillic": "mac-cyrillic",
    "866": "cp866",
    "ibm866": "cp866",
    "cp-866": "cp866",
    "latin-1": "windows-1252",
    "latin1": "windows-1252",
    "iso-8859-1": "windows-1252",
}
_NOTHING_SAID = frozenset(
    (
        "",
        "x-unknown",
        "unknown-8bit",
        "unknown",
        "default",
        "binary",
        "_iso-2022-jp$esc",
        "none",
        "8bit",
        "us-ascii",
        "ascii",
    )
)
_RUSSIAN = ("windows-1251", "koi8-r", "cp866", "iso-8859-5", "mac-cyrillic")


def label(text: str) -> str:
    """The name of a charset as Python knows it; empty where nothing useful is said."""
    name = text.strip(" \t\"';=<>").lower().removeprefix("charset=").strip("\"' ")
    name = _ALIASES.get(name, name)
    if name in _NOTHING_SAID:
        return ""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    return name if info._is_text_encoding else ""  # noqa: SLF001 - `rot13` and `hex` are codecs, too, but no charsets


def decode(raw: bytes, declared: str = "") -> str:
    """The text of the bytes: by their label where that makes sense, else by what they look like."""
    if raw.startswith(codecs.BOM_UTF8):
        return raw[3:].decode("utf-8", "replace")
    name = label(declared)
    if raw.isascii() and name not in _SEVEN_BIT:
        return raw.decode("ascii")
    claimed = _strictly(raw, name) if name else None
    if claimed is not None and (name not in (*_RUSSIAN, "windows-1252") or _looks_right(claimed)):
        return claimed
    unicode = _utf8(raw)
    if unicode is not None:
        return unicode
    guessed = max((raw.decode(one, "replace") for one in _RUSSIAN), key=score)
    if not name or score(guessed) > (score(claimed) + 1 if claimed is not None else 0):
        return guessed
    return claimed if claimed is not None else raw.decode(name, "replace")


_SEVEN_BIT = ("utf-7", "iso-2022-jp", "iso-2022-kr", "hz", "utf-16", "utf-16le", "utf-16be", "utf-32")


def _strictly(raw: bytes, name: str) -> str | None:
    try:
        return raw.decode(name)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def _utf8(raw: bytes) -> str | None:
    """The bytes as UTF-8; a last letter that was cut off is left out."""
    for end in range(min(4, len(raw))):
        found = _strictly(raw[: len(raw) - end], "utf-8")
        if found is not None:
            return found if not found.isascii() or end == 0 else None
    return None


# What looks like Russian

_PAIRS = frozenset(
    "ст но то на ен ни ко ра ов пр ро по го ре ли ва ал ос ет от ер ан ит ор ел те не во ка ло ла ес та ат ть ол "
    "ом ри де ве ле ие ия ий ой ый ны за да до об ль ск им ин ил ам ас ви ми мо се си со вы сь чт эт же бы мы вс ше "
    "ча че чи шь ту ту ду ру бу их ых ую ая ое ее ев ив ав уж уд ус ут яв яз ям ят нт нн зв зд зн сп сч сл св см ещ щи "
    "ще ке ок ак ек ик юд ют уч лю дь нь рь ьс ья ье ги га гл гр гд хо хо ци це ца ки ек би бо ба бе бл бр".split()
)
_NEVER = frozenset(
    ("ьь", "ъь", "йй", "ыы", "ъы", "щщ", "йь", "ыь", "аъ", "оъ", "еъ", "ъъ", "эь", "яы", "ыя", "цщ", "эъ")
)
_STRANGE = frozenset(
    "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘љ›њќћџЎўЈҐ¦§©Є«¬®Ї°±Ііґµ¶·ё»јЅѕїÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
) - frozenset("«»„“…ё§©°№")
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=512)
def score(text: str) -> float:
    """How much the text looks like Russian; below zero for what looks like damage."""
    total = 0.0
    sample = text[:2_000]
    for word in _WORD.findall(sample):
        lower = word.lower()
        total += sum((pair in _PAIRS) - 2 * (pair in _NEVER) for pair in map("".join, pairwise(lower)))
        cyrillic = sum("а" <= sign <= "я" or sign == "ё" for sign in lower)
        if cyrillic and word[1:] != lower[1:] and word != word.upper():
            total -= 1.5 * sum(sign != small for sign, small in zip(word[1:], lower[1:], strict=True))
        if 0 < cyrillic < len(word):
            total -= 1
        if (
            cyrillic
            and cyrillic == len(word)
            and len(word) > 2
            and not set("аеёиоуыэюя") & set(lower)
            and word != word.upper()
        ):
            total -= 1
    total -= 1.5 * sum(sign in _STRANGE for sign in sample)
    total -= 2 * sum(sign == "\ufffd" or "\u2500" <= sign <= "\u25a0" or "\x80" <= sign <= "\x9f" for sign in sample)
    return total


def _looks_right(text: str) -> bool:
    """Whether nothing in the text is like what a wrong charset makes of Russian."""
    return score(text) > 0 or not _mostly_foreign(text)


def _mostly_foreign(text: str) -> bool:
    """Whether most letters are beyond ASCII, as in Russian, and hardly in any language of Latin letters."""
    letters = [sign for sign in text[:2_000] if sign.isalpha() or not sign.isascii()]
    return sum(not sign.isascii() for sign in letters) * 2 > len(letters)


_WRONG_WAYS = (
    ("windows-1251", "utf-8"),
    ("koi8-r", "windows-1251"),
    ("windows-1251", "koi8-r"),
    ("latin-1", "windows-1251"),
    ("windows-1252", "windows-1251"),
    ("windows-1251", "cp866"),
    ("latin-1", "utf-8"),
    ("windows-1252", "utf-8"),
)
"""(read as, was)."""


def repaired(text: str) -> str:
    """The text without what earlier programs did to it, where that is clear; else as it is."""
    for _ in range(2):
        if text.isascii() or not _mostly_foreign(text):
            return text
        best = max(_rereadings(text), key=score, default=text)
        if score(best) < score(text) + max(3.0, 0.3 * len(best)):
            return text
        text = best
    return text


def _rereadings(text: str) -> Iterator[str]:
    for read_as, was in _WRONG_WAYS:
        try:
            yield text.encode(read_as).decode(was)
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue


# Header fields

_ENCODED = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,2000}?(?:\?(?!=)[^?]{0,500}?)*)(?:\?=|$)")


def words(raw: bytes, hint: str = "") -> str:
    """A header field for people: encoded words, however broken, and raw letters. hint: the charset of the body."""
    if raw.isascii() and b"=?" not in raw:
        return _clean(raw.decode("ascii"))
    pieces: list[str] = []
    run: list[bytes] = []
    charset, at = "", 0
    for found in _ENCODED.finditer(raw):
        between = raw[at : found.start()]
        joined = run and not between.strip()
        if not (joined and found[1].lower() == charset.encode("latin-1")):
            if run:
                pieces.append(decode(b"".join(run), charset))
                run = []
            if not joined:
                pieces.append(decode(between, hint))
            charset = found[1].decode("latin-1").lower()
        run.append(_word(found[2], found[3]))
        at = found.end()
    if run:
        pieces.append(decode(b"".join(run), charset))
    pieces.append(decode(raw[at:], hint))
    return repaired(_clean("".join(pieces)))


def _word(how: bytes, raw: bytes) -> bytes:
    if how in b"bB":
        return b"".join(unbase64(piece) for piece in _based(raw))
    return quopri.decodestring(raw.replace(b"_", b" "), header=False)


def _based(raw: bytes) -> Iterator[bytes]:
    """Pieces of base64 that were put together with their fillings."""
    yield from (piece for piece in re.split(rb"(?<==)(?=[A-Za-z0-9+/])", raw) if piece)


def _clean(text: str) -> str:
    """Without what is no letter: line ends, controls, signs that turn the direction of writing."""
    text = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text)
    return re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", "", text).strip()
