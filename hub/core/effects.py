"""What the hub does to the outside world, planned as values and delivered later, each once.

An effect is planned without knowing the vendor. What only the connection that carries it can tell (the vendor's ids of
the client, of the deal, of our colleague, of what is amended) is filled in at delivery; until then it is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal


def _filled(default: Any) -> Any:
    """A value that is rendered at delivery: true at that moment, and kept in no outbox."""
    return field(default=default, metadata={"filled": True})


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a notice: an address to open, or an action that comes back as a `Press`.

    action: at most 40 ASCII characters, `take`, `close:spam`, `snooze:30`, `hand:anna`.
    """

    label: str
    action: str | None = None
    url: str | None = None


Buttons = tuple[tuple[Button, ...], ...]
"""Rows of buttons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffEffect:
    """What is told to one of us. to: key of `[team]`.

    Filled in at delivery, in the hub's language. address: the recipient on the channel that carries it, the value of
    his handle there. title: the first line, the subject of a mail. text: the rest, plain. buttons: for channels that
    have them.
    """

    key: str
    at: datetime
    to: str
    address: str = _filled("")
    title: str = _filled("")
    text: str = _filled("")
    buttons: Buttons = _filled(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify(StaffEffect):
    """A client waits. `step` is the step of the ladder (metrics.md 11.3).

    key: `<case row>/<step>/<recipient>`, the same for ever, so that it happens once. also: keys of the other notices that
    the same message tells, filled in at delivery.
    """

    case: str
    kind: str
    step: str
    contact: str
    line_group: str
    due_at: datetime | None = None
    also: tuple[str, ...] = _filled(())


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendNotice(StaffEffect):
    """Say what became of an earlier notice; `replaces` is the vendor's id of the message that is amended.

    A channel that can edit does so, silently. Another sends one correction where the notice was wrong, else nothing.
    because: `void` or `merged`, else what is new. menu: what the buttons ask, empty for those of the case. step: of the
    notice, empty for the last one that reached him.
    """

    case: str
    contact: str
    because: str
    menu: str = ""
    step: str = ""
    replaces: str | None = None

    @property
    def correction(self) -> bool:
        """Whether the notice should never have been sent, so that its reader must know wherever he got it."""
        return self.because in ("void", "merged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest(StaffEffect):
    """The evening's summary of what was promised and what is still open (step D of metrics.md 11.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(StaffEffect):
    """What one of us is told at once who pressed a button or wrote to us.

    press: the vendor's id of the press, None where he wrote; then `text` is a message to `chat`. to: empty for somebody
    who is none of us. The text is what was true when he asked, and is kept.
    """

    text: str = ""
    press: str | None = None
    chat: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(StaffEffect):
    """A report by e-mail. name: `daily`, `weekly`, `monthly`; day: its last day, ISO.

    html: the page, text: the same in plain text, images: content id → PNG.
    """

    name: str
    day: str
    html: str = _filled("")
    images: Mapping[str, bytes] = field(default_factory=dict, metadata={"filled": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmEffect:
    """What every effect in a CRM has in common: about whom it is, and who is responsible for it.

    key: the same for ever; written into the vendor's record where that has a place for it, so that a repetition and
    what comes back are recognised. at: when it was planned, of a call its beginning, of an end its moment. client: handle of the client. contact: his name
    as the hub knows him, else None. to: key of `[team]` of the one who is responsible, None where nobody is. text: what
    it says, in the hub's language.

    Filled in at delivery, ids of the connection that carries it: card, deal (the client's open one), owner (account of
    `to` there, without `user:`), replaces (what is amended or closed); number: 31 bits, the same for all effects of one
    case, for vendors that want an integer of ours.
    """

    key: str
    at: datetime
    client: str
    contact: str | None = None
    to: str | None = None
    text: str
    card: str | None = None
    deal: str | None = None
    owner: str | None = None
    replaces: str | None = None
    number: int = 0

    @property
    def phone(self) -> str | None:
        """The client's number in E.164 without an extension; None where he is known by no number."""
        kind_, _, value = self.client.partition(":")
        return value.partition(";")[0] if kind_ == "phone" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask(CrmEffect):
    """Give one of us the task to call a client back. case: key of the case; due_at: until when we promised to call."""

    case: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendTask(CrmEffect):
    """Make the task `replaces` what is said here: open, due then, with this text, of this one of us."""

    case: str
    due_at: datetime

    @property
    def task(self) -> str:
        """The key of the effect that created the task."""
        return _task_of(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTask(CrmEffect):
    """Mark the task `replaces` as done; `text` is its result: how the wait ended."""

    case: str

    @property
    def task(self) -> str:
        """The key of the effect that created the task."""
        return _task_of(self.key)


def _task_of(key: str) -> str:
    """`7/task/amo` of `7/task/amo/2`: what is said later of a task is numbered."""
    return key.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote(CrmEffect):
    """Note on the client's card or deal what happened, here that he was lost in a transfer. case: key of the case."""

    case: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEffect(CrmEffect):
    """What a CRM is told about a call, once, after it is judged.

    call: reference of the session. outcome: as in `crmhub calls` (model.md 4). duration: seconds of talk. line: the
    number of ours, as the source names it. recordings: addresses, or references that their source can resolve.
    text: what came of it, in a few words.
    """

    call: str
    direction: Literal["inbound", "outbound"]
    outcome: str
    started_at: datetime
    duration: int
    line: str | None = None
    line_group: str
    recordings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCall(CallEffect):
    """Write the call into the client's history; `key` is the unique id of the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLead(CallEffect):
    """Make a lead of a caller whom the CRM does not know, with the call that he made. title: its name."""

    title: str


Told = CreateTask | AmendTask | CloseTask | AddNote | LogCall | CreateLead
Staff = Notify | AmendNotice | Digest | Answer | Report
Effect = Staff | Told
KINDS: Mapping[str, type[Effect]] = {
    "notify": Notify,
    "amend_notice": AmendNotice,
    "digest": Digest,
    "answer": Answer,
    "report": Report,
    "create_task": CreateTask,
    "amend_task": AmendTask,
    "close_task": CloseTask,
    "add_note": AddNote,
    "log_call": LogCall,
    "create_lead": CreateLead,
}
_NAMES = {cls: name for name, cls in KINDS.items()}


def kind(effect: Effect) -> str:
    """The name of the effect's kind, as the outbox and `crmhub effects` show it."""
    return _NAMES[type(effect)]


def body(effect: Effect) -> dict[str, Any]:
    """The effect as JSON-ready values, without what is filled in for our own people at delivery."""
    return _values(effect, [item.name for item in fields(effect) if not item.metadata.get("filled")])


def whole(effect: Effect) -> dict[str, Any]:
    """As `body`, with what was filled in, images apart."""
    return _values(effect, [item.name for item in fields(effect) if item.name != "images"])


def _values(effect: Effect, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(effect, name) for name in names}
    if "buttons" in values:
        values["buttons"] = [[asdict(button) for button in row] for row in values["buttons"]]
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


_INSTANTS = frozenset({"at", "due_at", "started_at"})


def from_body(kind_: str, content: Mapping[str, Any]) -> Effect:
    """The effect that `body` wrote."""
    values: dict[str, Any] = {
        key: datetime.fromisoformat(value) if key in _INSTANTS and value else value for key, value in content.items()
    }
    if "recordings" in values:
        values["recordings"] = tuple(values["recordings"])
    return KINDS[kind_](**values)
