"""Which mailboxes are there, and which of them is the one of sent mail? (contracts: special use, XLIST, names)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from plugins.email import wire
from plugins.email.session import Lacks, Session
from plugins.email.wire import Data

_NEVER = frozenset({"\\NOSELECT", "\\NONEXISTENT"})
_OTHER_USE = frozenset({"\\JUNK", "\\SPAM", "\\TRASH", "\\DRAFTS", "\\ALL", "\\ALLMAIL", "\\FLAGGED", "\\IMPORTANT"})
SENT_NAMES = frozenset(
    {
        "sent",
        "sent items",
        "sent messages",
        "sent mail",
        "отправленные",
        "отправленные элементы",
        "исходящие",
        "надіслані",
        "gesendet",
        "gesendete elemente",
        "gesendete objekte",
        "éléments envoyés",
        "envoyés",
        "enviados",
        "inviata",
        "verzonden",
        "skickat",
    }
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox. raw: its name as the server writes it, the key; flags: in capitals."""

    raw: bytes
    delimiter: str = ""
    flags: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Its name for people."""
        return wire.decoded(self.raw)

    @property
    def quoted(self) -> str:
        """Its name in a command."""
        return wire.quoted(self.raw)

    @property
    def is_inbox(self) -> bool:
        return self.raw.upper() == b"INBOX"

    @property
    def holds_mail(self) -> bool:
        """Whether it can be opened at all."""
        return not self.flags & _NEVER

    @property
    def leaf(self) -> str:
        """The name without what is common to all of an account, in small letters."""
        name = self.name
        if self.delimiter and name.upper().startswith(f"INBOX{self.delimiter}"):
            name = name[len("INBOX") + len(self.delimiter) :]
        return name.casefold()


INBOX = Folder(b"INBOX")


async def folders(session: Session) -> list[Folder]:
    """All mailboxes of the account, with what the server says of their use."""
    found: dict[bytes, Folder] = {}
    for command, answer in _ways(session):
        try:
            lines = (await session.command(command)).of(answer)
        except Lacks:
            continue
        for folder in filter(None, map(_folder, lines)):
            known = found.get(folder.raw)
            found[folder.raw] = (
                folder if known is None else Folder(known.raw, known.delimiter, known.flags | folder.flags)
            )
    return list(found.values())


def _ways(session: Session) -> Sequence[tuple[str, str]]:
    if session.has("SPECIAL-USE") and session.has("LIST-EXTENDED"):
        return (('LIST "" "*" RETURN (SPECIAL-USE)', "LIST"),)
    if session.has("XLIST"):
        return (('LIST "" "*"', "LIST"), ('XLIST "" "*"', "XLIST"))
    return (('LIST "" "*"', "LIST"),)


def _folder(line: Data) -> Folder | None:
    if len(line.values) < 3 or not isinstance(line.values[2], bytes) or not isinstance(line.values[0], list):
        return None
    flags, delimiter, raw = line.values[:3]
    name = b"INBOX" if raw.upper() == b"INBOX" else raw
    return Folder(name, (delimiter or b"").decode("ascii", "replace"), frozenset(map(str.upper, wire.texts(flags))))


def named(found: Iterable[Folder], name: str) -> Folder | None:
    """The mailbox that the operator means, by its name for people or as the server writes it."""
    return next((folder for folder in found if name in (folder.name, folder.raw.decode("ascii", "replace"))), None)


async def sent(session: Session, found: Sequence[Folder], name: str = "") -> Folder | None:
    """The mailbox of sent mail: as the operator says, by its use, by its name; of several the one with the newest mail."""
    if name:
        return named(found, name)
    usable = [folder for folder in found if folder.holds_mail and not folder.is_inbox]
    marked = [folder for folder in usable if "\\SENT" in folder.flags]
    likely = marked or [folder for folder in usable if folder.leaf in SENT_NAMES and not folder.flags & _OTHER_USE]
    if len(likely) < 2:
        return likely[0] if likely else None
    newest = [(await _newest(session, folder), -number, folder) for number, folder in enumerate(likely)]
    return max(newest, key=lambda item: item[:2])[2]


async def _newest(session: Session, folder: Folder) -> datetime:
    """When the last mail came into a mailbox."""
    never = datetime.min.replace(tzinfo=UTC)
    try:
        await session.command(f"EXAMINE {folder.quoted}")
        answer = await session.command("FETCH * (UID INTERNALDATE)")
    except Lacks:
        return never
    moments = [wire.moment(line.items.get("INTERNALDATE")) for line in answer.of("FETCH")]
    return max(filter(None, moments), default=never)
