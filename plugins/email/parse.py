"""What does a mail mean for the hub: who wrote whom when, in which thread, and whether a person did?

All copies of a mail, from whichever folders, are parsed together and yield its facts once.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, Protocol

from hub.sdk import Context, Handle, Malformed, MemberRef, Message, Record, Returned, Stored, Submission, read_number
from plugins.email import addresses, bounces, dates, forms, ids, kinds
from plugins.email.addresses import Address, Ours
from plugins.email.kinds import Kind
from plugins.email.mail import Mail, of_payload
from plugins.email.text import snippet

CHANNEL = "email"
PARTIES = 50
"""Strangers of one mail that it is told of; more are a mailing."""
PUBLIC = frozenset(
    "gmail.com googlemail.com yandex.ru ya.ru yandex.com yandex.by yandex.kz mail.ru bk.ru list.ru inbox.ru internet.ru vk.com "
    "rambler.ru lenta.ru autorambler.ru outlook.com hotmail.com live.com icloud.com me.com yahoo.com proton.me protonmail.com gmx.de "
    "gmx.net web.de ukr.net tut.by mail.com aol.com".split()
)
"""Domains of providers: a mailbox there says nothing of its neighbours."""


class Settings(Protocol):
    """What of a connection's settings decides what a mail means."""

    @property
    def address(self) -> str: ...
    @property
    def aliases(self) -> Sequence[str]: ...
    @property
    def domains(self) -> Sequence[str]: ...
    @property
    def forms(self) -> Sequence[str]: ...
    @property
    def bodies(self) -> bool: ...


READS = ("address", "aliases", "domains", "forms", "bodies")
"""The settings that `parse` depends on."""


def parse(items: Sequence[Stored], settings: Settings, context: Context) -> Iterable[Record | Returned]:
    """The facts of one mail, from all its copies."""
    for item in items:
        _check(item.payload)
    copies = sorted(items, key=_telling)
    return _Reading(of_payload(copies[0].payload), copies, settings, context).facts()


def _telling(copy: Stored) -> tuple[bool, bool, bool, str]:
    """Least for the copy that tells most: as it was sent, with its text, and not as a list handed it round."""
    payload = copy.payload
    return (payload["role"] != "sent", payload["text"] is None, "\nlist-id:" in payload["header"].lower(), copy.id)


_SHAPE: dict[str, type | tuple[type, ...]] = {
    "account": str,
    "role": str,
    "sees_sent": bool,
    "internaldate": (str, type(None)),
    "header": str,
    "parts": list,
    "text": (str, type(None)),
    "reports": dict,
}


def _check(payload: Any) -> None:
    """Malformed where it is not what `item` makes."""
    for key, kind in _SHAPE.items():
        if not isinstance(payload, dict) or key not in payload or not isinstance(payload[key], kind):
            raise Malformed(f"a mail has {key}")
    if not payload["header"].strip():
        raise Malformed("the server gives no header of this mail")


@dataclass(frozen=True)
class _Reading:
    """One mail with what is known of its copies. copies: those from sent folders first."""

    mail: Mail
    copies: Sequence[Stored]
    settings: Settings
    context: Context

    def facts(self) -> Iterator[Record | Returned]:
        mail, ours = self.mail, self.ours()
        kind = kinds.classify(mail, ours)
        if kind.name in ("bounce", "receipt", "complaint"):
            yield from self._reported(kind, ours)
        elif mail.sender is not None and kind.name != "own_notification":
            yield from self._written(mail.sender, kind, ours)

    def _written(self, sender: Address, kind: Kind, ours: Ours) -> Iterator[Record]:
        """What somebody wrote, or a machine in his name."""
        mail = self.mail
        form = forms.read(mail, ours, self.settings.forms)
        if form is not None:
            yield from self._submission(form, ours)
        elif self._is_outgoing(sender, ours):
            yield from self._sent(kind, ours)
        elif sender not in ours:
            yield self._came(self._writer(sender, ours), kind, ours)
        elif mail.reply_to and mail.reply_to[0] not in ours and all(one in ours for one in mail.to):
            yield self._came(mail.reply_to[0], kinds.PERSON, ours)  # a form of ours writes in its visitor's name

    def ours(self) -> Ours:
        """All addresses of ours: of the team, of the mailbox, on our lines, and of our domains."""
        mailboxes = {self.settings.address, *(copy.payload["account"] for copy in self.copies)} - {""}
        team = (handle for handle in self.context.team if handle.startswith("email:"))
        lines = (line for line in self.context.lines if "@" in line)
        domains = {one.rpartition("@")[2].strip().lower() for one in mailboxes} - PUBLIC
        return addresses.ours(
            frozenset((*mailboxes, *self.settings.aliases, *team, *lines)),
            frozenset((*domains, *self.settings.domains)),
        )

    def _is_outgoing(self, sender: Address, ours: Ours) -> bool:
        """Whether one of us wrote it to somebody outside; what lies in a sent folder was sent, under whichever name."""
        strangers = any(one not in ours for one in self.mail.people("to", "cc", "bcc"))
        return strangers and (sender in ours or self.copies[0].payload["role"] == "sent")

    def _writer(self, sender: Address, ours: Ours) -> Address:
        """Who really wrote it, where a list or a marketplace put itself in front."""
        original = self.mail.people("x-original-from", "x-original-sender")
        if "list-id" in self.mail.header or " via " in f" {sender.name} ":
            real = next((one for one in (*original, *self.mail.reply_to) if one not in ours), None)
            return real or sender
        return sender

    def moment(self, *, outgoing: bool) -> datetime:
        """When it counts, from the earliest copy: later ones were moved or copied."""
        moments = [_instant(copy.payload["internaldate"]) for copy in self.copies]
        return dates.counted(
            outgoing=outgoing,
            written=self.mail.written_at,
            internal=min((at for at in moments if at is not None), default=None),
            received=self.mail.received_at,
            seen=min(copy.received_at for copy in self.copies),
        )

    # What came in

    def _came(self, writer: Address, kind: Kind, ours: Ours) -> Message:
        mail = self.mail
        line = self._line(ours)
        return Message(
            **self._common(mail.key, self.moment(outgoing=False)),
            direction="in",
            author="client",
            client=_handle(writer),
            member=self._member((Address(line),)) if line else None,
            line=line,
            content=self._content(),
            text=self._text(),
            automatic="suspected" if kind.suspected else kind.name != "person",
            automatic_because=kind.because or None,
            bare=self._is_bare(),
            coverage=None if any(copy.payload["sees_sent"] for copy in self.copies) else "inbound_only",
        )

    def _line(self, ours: Ours) -> str | None:
        """To whom of us it was written: by To before Cc; a mailbox that it reached otherwise, last (metrics.md 5)."""
        named = next((one.value for one in self.mail.to if one in ours), None)
        return named or next((one.value for one in addresses.read(self.copies[0].payload["account"].encode())), None)

    def _is_bare(self) -> bool:
        """Whether its text was seen and its writer added nothing to it, or only that he is away."""
        if self.mail.text is None or self.mail.attachments:
            return False
        return not self.mail.cut.new or (bool(self.mail.references) and kinds.is_away_text(self.mail))

    # What we sent

    def _sent(self, kind: Kind, ours: Ours) -> Iterator[Message]:
        mail = self.mail
        strangers = [one for one in mail.people("to", "cc", "bcc") if one not in ours][:PARTIES]
        by = tuple(one for one in (*mail.people("from", "sender"),) if one in ours) or mail.people("from")
        for one in strangers:
            yield Message(
                **self._common(f"{mail.key}/{one.value}", self.moment(outgoing=True)),
                direction="out",
                author="campaign" if kind.name == "bulk" else "system" if kind.name == "notification" else "member",
                client=_handle(one),
                member=self._member(by) or MemberRef(_handle(by[0])),
                line=mail.sender.value if mail.sender else None,
                content=self._content(),
                text=self._text(),
                automatic=kind.name in ("auto_reply", "notification") and not kind.suspected,
                automatic_because=kind.because
                if kind.name in ("auto_reply", "notification") and not kind.suspected
                else None,
            )

    # What servers and readers' programs tell of what we sent

    def _reported(self, kind: Kind, ours: Ours) -> Iterator[Message | Returned]:
        at = self.moment(outgoing=False)
        if kind.name == "complaint":
            who = bounces.complained(self.mail)
            if who is not None:
                yield self._report(who, at, kind, bounces.original_id(self.mail), None, "complained of a mail of ours")
            return
        if kind.name == "receipt":
            of, reader = bounces.original_id(self.mail), self.mail.sender
            if reader is not None and reader not in ours:
                yield self._report(reader.value, at, kind, of, "read", self.mail.subject)
            return
        for one in bounces.read(self.mail, ours):
            if one.of is not None and ids.is_ours(one.of):
                if one.fate in ("bounced_hard", "failed"):
                    yield Returned(of=one.of, at=at, why=one.why, hard=one.fate == "bounced_hard")
            elif Address(one.address) not in ours:
                yield self._report(one.address, at, kind, one.of, one.fate, one.why)

    def _report(
        self,
        who: str,
        at: datetime,
        kind: Kind,
        of: str | None,
        fate: Literal["bounced_hard", "failed", "bounced_soft", "delivered", "read"] | None,
        why: str,
    ) -> Message:
        common = self._common(f"{self.mail.key}/{who}", at)
        if of is not None:
            common |= {"references": (of,), "thread": of}
        return Message(
            **common,
            direction="in",
            author="system",
            client=Handle(f"email:{who}"),
            content="receipt" if fate in ("delivered", "read") else "note" if fate is None else "text",
            text=snippet(why),
            automatic=True,
            automatic_because=kind.because,
            delivery=fate,
            concerns=f"{of}/{who}" if of is not None else None,
        )

    # A form

    def _submission(self, form: forms.Form, ours: Ours) -> Iterator[Submission]:
        number = read_number(form.phone, self.context.country).handle if form.phone else None
        found = [number, Handle(f"email:{form.email}") if form.email else None]
        clients = tuple(handle for handle in found if handle is not None and handle not in self.context.team)
        if clients:
            yield Submission(
                id=self.mail.key,
                at=self.moment(outgoing=False),
                form=snippet(form.form or "", 100),
                line=self._line(ours),
                handles=clients,
                name=snippet(form.name or "", 100),
                source=form.source or None,
                text=snippet(form.text or "", 500),
            )

    # What every mail has

    def _common(self, id: str, at: datetime) -> dict[str, Any]:
        mail = self.mail
        return {
            "id": id,
            "at": at,
            "channel": CHANNEL,
            "subject": snippet(mail.subject, 200),
            "message_id": mail.key,
            "references": (*mail.references, *_thread_index(mail)),
            "thread": mail.references[0] if mail.references else mail.key,
        }

    def _content(self) -> Literal["text", "file"]:
        return "file" if self.mail.attachments and not self.mail.cut.new else "text"

    def _text(self) -> str | None:
        """What he wrote himself, the names of files behind it."""
        own = self.mail.cut.new or (self.mail.text or "")
        shown = own.strip() if self.settings.bodies else snippet(own) or ""
        files = f"[{', '.join(self.mail.attachments[:10])}]" if self.mail.attachments else ""
        return f"{shown} {files}".strip() or None

    def _member(self, people: Sequence[Address]) -> MemberRef | None:
        """Who of the team has one of these addresses."""
        by_mailbox = _mailboxes(frozenset(self.context.team))
        found = (by_mailbox.get(addresses.same(one.value)) for one in people)
        return next((MemberRef(handle) for handle in found if handle is not None), None)


@lru_cache(maxsize=64)
def _mailboxes(handles: frozenset[str]) -> Mapping[str, str]:
    """Mailbox → the handle by which the team names it."""
    own = (handle for handle in sorted(handles) if handle.startswith("email:"))
    return {addresses.same(handle.removeprefix("email:")): handle for handle in own}


def _handle(address: Address) -> Handle:
    return Handle(f"email:{address.value}")


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _thread_index(mail: Mail) -> tuple[str, ...]:
    """Outlook's name of the conversation, together with the subject: it is also copied into what is new (contract 8.4)."""
    try:
        raw = base64.b64decode(mail.header.get("thread-index").replace(b" ", b""), validate=True)
    except (binascii.Error, ValueError):
        return ()
    subject = mail.bare_subject.casefold()
    return (f"thread-index:{raw[6:22].hex()}:{subject[:60]}",) if len(raw) >= 22 and subject else ()
