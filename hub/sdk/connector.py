"""The door: everything a connector is made of, as values (design.md 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel, SecretStr

from hub.core.effects import Effect
from hub.core.records import PresenceState, Record

if TYPE_CHECKING:
    import httpx

    from hub.errors import HubError
    from hub.sdk.host import Host, Http


@dataclass(frozen=True, slots=True)
class Raw:
    """One item as the vendor gave it, not yet understood.

    kind: picks the parser. id: the source's own id, unique within (connection, kind); of packets of a stream their
    position. payload: JSON-ready. group: items with the same group are parsed together and replace what the group
    yielded before; None when the item stands alone. joins: groups that turned out to be the same as `group`.
    """

    kind: str
    id: str
    payload: Any
    group: str | None = None
    joins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """A raw as `parse` gets it: with the moment of receipt (ours, UTC)."""

    kind: str
    id: str
    payload: Any
    received_at: datetime
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one read of a stream brought; committed together with its cursor.

    cursor: opaque to everybody but the plugin; None keeps the one before. complete_until: nothing older than this is
    missing (watermark). wake: streams to pull now. offset: source's clock minus ours, measured on this page's newest
    item; only live streams can tell. mended: a comparison with the source has ended: what was missing or wrong here and
    is put right with these items, a line each; shown to the operator until the next comparison finds nothing.
    """

    items: Sequence[Raw] = ()
    cursor: Any = None
    complete_until: datetime | None = None
    wake: Sequence[str] = ()
    offset: timedelta | None = None
    mended: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a webhook."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Received:
    """What a webhook brought: items to keep, streams to pull now, the answer once all is committed."""

    items: Sequence[Raw] = ()
    wake: Sequence[str] = ()
    reply: Reply = Reply()


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request to `/hooks/<connection>/<path>`; header names are lower case."""

    method: str
    path: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    remote: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivered effect: the vendor's id of what was made, and where a person opens it.

    card, deal: ids of the client and the deal that were made with it, so that what follows at once goes onto them.
    """

    id: str | None = None
    url: str | None = None
    card: str | None = None
    deal: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """One line of a connection's check: what was tried, whether it held, and what to do if it did not.

    problem of a line that holds: what the operator should know and can live with.
    """

    what: str
    ok: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What `parse` and `read` may know besides the items: the hub's country and our people's handles.

    team: handle → key of `[team]`, so that a parser can tell our mobiles from clients. lines: our own lines. telephony:
    another connection tells the hub of calls, so that those noted in a CRM would be the same once more.
    """

    connection: str
    country: str = "RU"
    team: Mapping[str, str] = field(default_factory=dict)
    lines: frozenset[str] = frozenset()
    telephony: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """Yielded by `parse`: one of us pressed a button of a message that we sent.

    id: the vendor's id of the press. by: handle of who pressed. on: the vendor's id of our message, as `Sent.id` gave
    it. action: that of the button. state: what he says of himself by it, yielded as a presence, too.
    """

    id: str
    at: datetime
    by: str
    on: str
    action: str
    state: PresenceState | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """Yielded by `parse`: somebody wrote to our bot who is one of us, or shows a code that makes him one.

    by: his handle. chat: where an answer goes, the vendor's id. state: what he says of himself, yielded as a presence, too.
    """

    id: str
    at: datetime
    by: str
    text: str
    chat: str
    state: PresenceState | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """Yielded by `parse`: what we sent came back. of: its vendor's id, as `Sent.id` gave it. hard: for good."""

    of: str
    at: datetime
    why: str
    hard: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """Yielded by `read` for a part of a file that could not be understood: where, and why."""

    where: str
    why: str


Client: TypeAlias = Any
Settings: TypeAlias = Any
Heard: TypeAlias = Press | Said | Returned
Parse: TypeAlias = Callable[[Sequence[Stored], Settings, Context], Iterable[Record | Heard]]
Pull: TypeAlias = Callable[[Client, Any], AsyncIterator[Page]]
Read: TypeAlias = Callable[[Path, str, Settings, Context], Iterable[Raw | Refused]]


@dataclass(frozen=True, slots=True)
class Stream:
    """A way in: `pull` reads pages from a cursor and ends, `live` stays open.

    backfill: it fetches history: its requests go behind all other work of the account.
    """

    name: str
    pull: Pull | None = None
    live: Pull | None = None
    every: timedelta = timedelta(minutes=5)
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """A way out for one kind of effect; `send` looks before it creates and is safe to call twice if repeat="safe".

    on: whether these settings switch it on. switch: the line of the settings that does, as `crmhub check` shows it.
    """

    effect: type[Effect]
    send: Callable[[Client, Any], Awaitable[Sent]]
    repeat: Literal["safe", "never"] = "safe"
    on: bool = True
    switch: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests a vendor takes: `rate` a second, `burst` of them at once.

    account: whom the vendor counts, as a text; whoever names the same account shares the same budget, whichever
    connection, lane or process it is. The hub keeps a little below the rate, so that no eighth request reaches the
    vendor within a second that allows seven.
    """

    account: str
    rate: float
    burst: int = 1


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an authorisation gave. refresh: None where it cannot be renewed; expires_at: None when unknown or never."""

    access: SecretStr
    refresh: SecretStr | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """How a person gives the hub access, and how the hub keeps it (OAuth 2.0, authorization code).

    address: (settings, redirect_uri, state) → where the person gives consent. exchange: (http, settings, query,
    redirect_uri) → tokens, also with options of the connection that the vendor told on the way; `query` is what the
    vendor sent to the redirect page. refresh: (http, settings, tokens) → new tokens. `http` has no base: give it whole
    addresses. every: tokens are refreshed at least so often, that those of an idle connection do not die. keys: for a
    vendor that gives the hub keys of its own on the way: what he posts to `redirect_uri`/keys, with the state in it, before
    the person comes back → options of the connection; Malformed where it is nothing of the kind.

    The hub calls `refresh` one at a time for a connection, stores what it gave before anybody uses it, and takes any
    refusal as the end of the access.
    """

    address: Callable[[Settings, str, str], str]
    exchange: Callable[[Http, Settings, Mapping[str, str], str], Awaitable[Tokens | tuple[Tokens, Mapping[str, Any]]]]
    refresh: Callable[[Http, Settings, Tokens], Awaitable[Tokens]]
    every: timedelta = timedelta(days=7)
    keys: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Connector:
    """What a plugin can talk to; one value, read like a contents page.

    settings: pydantic model of the connection's own keys. open: makes a client of one lane (an async context
    manager). check: tries the access and says, line by line, what holds. parse: raw kind → parser, pure. parse_reads: the
    settings that `parse` depends on; when one changes, the kept raws are parsed again. telephony: it is where calls come
    from at first hand. streams: the ways in that these settings offer. webhook:
    verifies and names items, nothing else. push: all ways out that it has; each says whether these settings switch it on. read: items of a file, for `crmhub import`.
    invitation: the address by which one of us opens it with a one-time code that links his account. about: a sentence on
    what it connects. asks: the keys that a person needs to get in; the others can be decided later.
    words: what its settings and checks say in other languages: language → text → text, `%s` for what is filled in.
    """

    name: str
    settings: type[BaseModel]
    title: str = ""
    telephony: bool = False
    open: Callable[[Settings, Host], Any] | None = None
    check: Callable[[Client], Awaitable[Sequence[Checked]]] | None = None
    parse: Mapping[str, Parse] = field(default_factory=dict)
    parse_reads: Sequence[str] = ()
    streams: Callable[[Settings], Sequence[Stream]] | None = None
    webhook: Callable[[WebhookRequest, Settings], Received] | None = None
    push: Callable[[Settings], Sequence[Push]] | None = None
    classify: Callable[[httpx.Response], HubError | None] | None = None
    limits: Callable[[Settings], Sequence[Limit]] | None = None
    login: Callable[[Settings], Login | None] | None = None
    subscribe: Callable[[Client, str], Awaitable[datetime | None]] | None = None
    invitation: Callable[[Client, str], Awaitable[str]] | None = None
    read: Read | None = None
    about: str = ""
    asks: Sequence[str] = ()
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
