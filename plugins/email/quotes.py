"""What did the writer himself write? The text without what he answers and without his signature (contract 10.2, 10.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 3_000
"""Lines that are looked at."""
_QUOTED = re.compile(r"\s{0,8}(?:>|[A-ZА-ЯЁ]{1,4}>)")
_WEEKDAY = (
    r"(?:пн|вт|ср|чт|пт|сб|вс|понедельник|вторник|среда|четверг|пятница|суббота|воскресенье|mon|tue|wed|thu|fri|sat|sun|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|mo|di|mi|do|fr|sa|so|пон|вів|сер|чет)\.?,?\s"
)
_TIME = re.compile(r"\d{1,2}[:.]\d{2}")
_MONTH = (
    r"(?:янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|"
    r"mär|mai|okt|dez|janv|févr|avr|juin|juil|août|déc|січ|лют|бер|кві|тра|чер|лип|сер|вер|жов|лис|гру)"
)
_DAY = re.compile(
    rf"\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}\.?\s+{_MONTH}|{_MONTH}[^\W\d_]{{0,6}}\.?\s+\d{{1,2}},?\s",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"(?:wrote|writes|пишет|пишешь|написал\(а\)|написала?|писал\(а\)|писала?|сообщал\(а\)|написав\(ла\)|пише|schrieb|geschrieben|"
    r"a écrit|escribió|ha scritto|napisał(?:\(a\))?)\s*(?:<[^<>]{0,100}>)?\s*:\*?$",
    re.IGNORECASE,
)
_GERMAN = re.compile(r"^am .{5,100}schrieb .{1,140}:$", re.IGNORECASE)
_DATED = re.compile(rf"^(?:on |{_WEEKDAY}|\d{{1,2}}[./ -]|\d{{4}}-\d{{2}}-\d{{2}}|в )", re.IGNORECASE)
_BAT = re.compile(r"^(?:вы писали|you wrote|ви писали)\b.{0,100}\d.{0,40}:$", re.IGNORECASE)
_SEPARATOR = re.compile(
    r"^[-–—_=*\s]{2,}\s*(?:original message|original appointment|исходное сообщение|пересылаемое сообщение|пересланное сообщение|"
    r"перенаправленное сообщение|forwarded message|ursprüngliche nachricht|weitergeleitete nachricht|message d'origine|"
    r"вихідне повідомлення|конец пересылаемого сообщения)\b.{0,60}$"
    r"|^(?:начало переадресованного сообщения|begin forwarded message|конец пересылаемого сообщения)\s*:?\s*-*$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^_{10,}\s*$")
_BLOCK_FIRST = re.compile(r"^[>*\s]{0,4}(?:от|from|von|de|від|отправитель)\s*\*?:\*?\s*\S", re.IGNORECASE)
_BLOCK_WORD = re.compile(
    r"^[>*\s]{0,4}(?:от|from|von|отправлено|sent|дата|date|gesendet|datum|кому|to|an|копия|cc|тема|subject|betreff|"
    r"надіслано|тема письма|reply-to)\s*\*?:",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cut:
    """A mail's text in two. new: what its writer wrote, without signature; quoted: whether there was something else.

    forwarded: what is quoted is handed on, not answered.
    """

    new: str
    quoted: bool
    forwarded: bool = False


def cut(text: str) -> Cut:
    """The writer's own text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:MOST]
    at, length, whole = _header(lines)
    forwarded = at is not None and _is_forward(lines[at])
    if at is None:
        own = [line for line in lines if not _QUOTED.match(line)]
        return Cut(_unsigned(own), len(own) < len(lines))
    own = [line for line in lines[:at] if not _QUOTED.match(line)]
    behind = lines[at + length :]
    if not whole and any(_QUOTED.match(line) for line in behind):  # answers may stand between what is quoted
        more, _, _ = _header(behind)
        kept = behind if more is None else behind[:more]
        own += [line for line in kept if not _QUOTED.match(line)]
    return Cut(_unsigned(own), quoted=True, forwarded=forwarded)


def _header(lines: Sequence[str]) -> tuple[int | None, int, bool]:
    """Where what is answered begins: (line, lines of its heading, whether all behind it belongs to it)."""
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or _QUOTED.match(line):
            continue
        if _SEPARATOR.match(stripped[:200]):
            return number, 1, True
        if (_BLOCK_FIRST.match(stripped[:200]) or _RULE.match(stripped[:80])) and _is_block(lines, number):
            return number, 1, True
        length = _heading(lines, number)
        if length:
            return number, length, False
    return None, 0, False


def _heading(lines: Sequence[str], at: int) -> int:
    """How many lines, folded by the sender's program, say from here when who wrote what follows; 0 if they do not."""
    window = ""
    for length, line in enumerate(lines[at : at + 3], 1):
        if not line.strip():
            break
        window = f"{window} {line.strip()}".strip()
        if len(window) > 300 or (length > 1 and not _DAY.search(lines[at])):
            break
        if window.endswith((":", ":*")) and _introduces(window):
            return 0 if length > 1 and _heading(lines, at + 1) else length
    return 0


def _introduces(window: str) -> bool:
    """Whether the line says when who wrote what follows."""
    if _BAT.match(window):
        return True
    if not _TIME.search(window) or not _DAY.search(window):
        return False
    if _VERB.search(window) or _GERMAN.match(window):
        return True
    return "@" in window and _DATED.match(window) is not None


def _is_block(lines: Sequence[str], at: int) -> bool:
    """From, sent, to and subject of an answered mail, as Outlook writes them: at least two within four lines."""
    begin = at + 1 if _RULE.match(lines[at].strip()) else at
    block = [line.strip()[:200] for line in lines[begin : begin + 8] if line.strip()][:4]
    return (
        bool(block)
        and _BLOCK_FIRST.match(block[0]) is not None
        and sum(bool(_BLOCK_WORD.match(line)) for line in block) >= 2
    )


def _is_forward(line: str) -> bool:
    return (
        re.search(
            r"пересылаем|пересланн|переадресован|перенаправл|forwarded|weitergeleitete", line[:200], re.IGNORECASE
        )
        is not None
    )


# Signatures

_CLOSING = re.compile(
    r"^\s*(?:с уважением|с наилучшими пожеланиями|с пожеланиями|всего доброго|всего наилучшего|best regards|kind regards|"
    r"regards|best wishes|sincerely|mit freundlichen grüßen|з повагою|cordialement)\b[\s,!.]*",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"^\s*(?:отправлено (?:с|из) .{0,80}|sent from .{0,80}|get outlook for .{0,60}|получить outlook для .{0,60}|"
    r"отправлено при помощи .{0,60}|надіслано з .{0,60}|von meinem .{0,40}gesendet|скачать outlook .{0,60})$",
    re.IGNORECASE,
)
_DISCLAIMER = re.compile(
    r"^\s*(?:это электронное сообщение и любые|данное сообщение и любые|настоящее (?:электронное )?сообщение.{0,40}конфиденциальн|"
    r"this e-?mail .{0,60}confidential|информация.{0,40}конфиденциальн|внимание! это письмо)",
    re.IGNORECASE,
)
_DASHES = re.compile(r"^\s*(?:--|—|–|-- )\s*$")
SIGNATURE = 15
"""How many of the last lines a signature takes at most."""


def _unsigned(lines: Sequence[str]) -> str:
    """The text up to its signature; a mail that is all signature keeps it."""
    kept = [line.rstrip() for line in lines if not _DEVICE.match(line)]
    text = "\n".join(kept).strip()
    body = text.split("\n")
    for number, line in enumerate(body):
        if _DASHES.match(line) or _DISCLAIMER.match(line) or (number >= len(body) - SIGNATURE and _CLOSING.match(line)):
            own = "\n".join(body[:number]).strip()
            if own:
                return own
            break
    return text
