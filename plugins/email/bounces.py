"""Which mail did not arrive, at whom, and for good? Reports of servers, in machine's or in plain words (contract 9.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from plugins.email import addresses, header, ids
from plugins.email.addresses import Ours
from plugins.email.header import Header
from plugins.email.mail import Mail

Fate: TypeAlias = Literal["bounced_hard", "failed", "bounced_soft", "delivered", "read"]
"""`bounced_hard`: the address is wrong; `failed`: it did not arrive, the address may be right; `bounced_soft`: not yet."""

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<![\d.])([45])\d\d(?![\d.])")
_WRONG = frozenset({("1", "0"), ("1", "1"), ("1", "2"), ("1", "3"), ("1", "6"), ("1", "10"), ("2", "1")})
"""Status codes of an address that does not exist or is closed."""
_NOBODY = re.compile(
    r"no such (?:user|mailbox|recipient|address|person)|user (?:unknown|not found|does not exist|doesn't exist)|unknown user|"
    r"mailbox (?:unavailable|not found|does not exist|disabled|unknown)|does not exist|doesn't exist|invalid (?:mailbox|recipient|address)|"
    r"address rejected: (?:user|unknown)|recipient (?:unknown|not found|address rejected)|account (?:is )?(?:disabled|inactive)|no mailbox here|not listed in|no such (?:account|domain)|unknown or illegal|"
    r"host or domain name not found|unrouteable address|domain .{0,60}not found|нет такого (?:пользователя|ящика|адреса)|"
    r"не существует|пользователь не найден|адрес не найден|ящик (?:не найден|заблокирован|отключ[её]н)|couldn't be found|"
    r"wasn't found|не удалось найти|n'existe pas|existiert nicht",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"over ?quota|quota exceeded|mailbox (?:is )?full|disk quota|ящик переполнен|переполнен|insufficient (?:system )?storage",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"spam|blocked|policy|blacklist|reject(?:ed)? .{0,30}content|too large|size limit|relay", re.IGNORECASE
)
_LATER = re.compile(
    r"delayed|will (?:be )?(?:keep )?(?:re)?tr(?:y|ied)|still trying|temporar|try again|not yet been delivered|warning message only|"
    r"задерж|отложен|попытки .{0,30}продолж|будут продолжены|временн",
    re.IGNORECASE,
)
_ANY_ADDRESS = re.compile(r"<?([A-Za-z0-9._%+'=-]{1,100}@[A-Za-z0-9.-]{1,200}\.[A-Za-z]{2,20})>?")
_TEXT_ID = re.compile(r"^\s*message-id\s*:\s*<([^<>\s]{3,998})>", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Returned:
    """What became of a mail of ours at one recipient. of: its Message-ID as facts are named, None where nobody says.

    why: in the server's words, short.
    """

    address: str
    fate: Fate
    of: str | None
    why: str


def read(mail: Mail, ours: Ours) -> tuple[Returned, ...]:
    """What a bounce says of each recipient; nothing where it names nobody."""
    original = _original(mail)
    of = ids.message_id(original) if original else None
    if of is None:
        of = next(iter(_TEXT_ID.findall(mail.text or "")), None)
    name = ids.short(of) if of else None
    found = {one.address: one for one in _by_blocks(mail, name)}
    if not found:
        found = {one.address: one for one in _by_words(mail, name, ours)}
    if not found and original is not None:
        to = [one for one in addresses.read(original.get("to")) if one not in ours]
        found = {one.value: Returned(one.value, _of_words(mail.text or mail.subject), name, "") for one in to[:1]}
    return tuple(found[address] for address in sorted(found))


def original_id(mail: Mail) -> str | None:
    """Message-ID of the mail that a report or a receipt is about, as facts are named."""
    original = _original(mail)
    found = ids.message_id(original) if original else None
    for report in mail.reports.values():
        found = found or next(
            iter(ids.identifiers(header.read(report.encode("latin-1")).get("original-message-id"))), None
        )
    found = found or next(iter(ids.identifiers(mail.header.get("in-reply-to"))), None)
    return ids.short(found) if found else None


def _original(mail: Mail) -> Header | None:
    """The header of the mail that came back."""
    for number, report in mail.reports.items():
        mime_type = next((part.type for part in mail.parts if part.number == number.removesuffix(".HEADER")), "")
        if mime_type in ("message/rfc822", "message/global", "text/rfc822-headers"):
            return header.read(report.encode("latin-1"))
    return None


def _blocks(mail: Mail, mime_type: str) -> Iterator[Header]:
    numbers = {part.number for part in mail.parts if part.type == mime_type}
    for number, report in mail.reports.items():
        if number in numbers:
            for block in re.split(r"(?:\r?\n[ \t]*){2,}", report.strip()):
                yield header.read(block.encode("latin-1"))


def _by_blocks(mail: Mail, of: str | None) -> Iterator[Returned]:
    for block in _blocks(mail, "message/delivery-status"):
        address = _recipient(block)
        if address is None:
            continue
        status = _STATUS.search(block.word("status")) or _STATUS.search(block.word("diagnostic-code"))
        words = block.get("diagnostic-code").decode("latin-1").partition(";")[2].strip() or block.word("status")
        yield Returned(address, _fate(block.word("action"), status, words), of, words[:200])


def _recipient(block: Header) -> str | None:
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        found = addresses.read(block.get(name).rpartition(b";")[2])
        if found:
            return found[0].value
    return None


def _fate(action: str, status: re.Match[str] | None, words: str) -> Fate:
    action = action.partition(" ")[0]
    if action in ("delivered", "relayed", "expanded"):
        return "delivered"
    if action == "delayed":
        return "bounced_soft"
    if status is None:
        return _of_words(words)
    kind, subject, detail = status.groups()
    if kind != "5":
        return "failed"  # given up after days: the address may be right
    if (subject, detail) in _WRONG:
        return "bounced_hard"
    return "bounced_hard" if subject == "0" and _NOBODY.search(words) else "failed"


def _of_words(words: str) -> Fate:
    """What plain words say: who does not exist is wrong, what is tried again is not yet lost."""
    if _NOBODY.search(words) and not _FULL.search(words):
        return "bounced_hard"
    status, code = _STATUS.search(words), _CODE.search(words)
    if status is not None and status[1] == "5" and status.group(2, 3) in _WRONG:
        return "bounced_hard"
    final = status[1] == "5" if status else code[1] == "5" if code else False
    if final or _FULL.search(words) or _POLICY.search(words):
        return "failed"
    return "bounced_soft" if _LATER.search(words) else "failed"


def _by_words(mail: Mail, of: str | None, ours: Ours) -> Iterator[Returned]:
    """Exim, qmail, Exchange, Mail.ru and Yandex: who is named in a header or in the text, with the words beside him."""
    text = re.split(
        r"(?im)^-{3,}.{0,80}(?:copy of (?:the|your)|below this line|original message|исходн).*$", mail.text or ""
    )[0]
    named = [one.value for field in mail.header.all("x-failed-recipients") for one in addresses.read(field)]
    if not named:
        every = [one.lower().strip(".'") for one in _ANY_ADDRESS.findall(text)]
        strangers = [one for one in dict.fromkeys(every) if not _is_ours_or_daemon(one, mail, ours)]
        named = strangers[:1]
    for address in dict.fromkeys(named):
        at = text.lower().find(address)
        near = text[at : at + 800] if at >= 0 else text
        delayed = _LATER.search(mail.subject) or _LATER.search(text[:400])
        fate = "bounced_soft" if delayed and not _CODE.search(near) else _of_words(f"{near} {mail.subject}")
        yield Returned(address, fate, of, " ".join(near.split())[:200])


def _is_ours_or_daemon(address: str, mail: Mail, ours: Ours) -> bool:
    one = addresses.Address(address)
    return (
        one in ours
        or address in {other.value for other in (*mail.to, *mail.people("from", "reply-to"))}
        or "@" not in address
    )


def complained(mail: Mail) -> str | None:
    """Who complained of a mail of ours to his provider."""
    for block in _blocks(mail, "message/feedback-report"):
        found = addresses.read(block.get("original-rcpt-to"))
        if found:
            return found[0].value
    original = _original(mail)
    to = addresses.read(original.get("to")) if original else ()
    return to[0].value if to else None


def fates(found: tuple[Returned, ...]) -> Mapping[str, Fate]:
    """Address → what became of the mail there."""
    return {one.address: one.fate for one in found}
