"""How our own records come in, and notices and what a CRM is told go out; the template to copy for a new plugin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr

from hub.sdk import (
    AddNote,
    AmendNotice,
    AmendTask,
    Answer,
    Checked,
    CloseTask,
    Connector,
    Context,
    CreateLead,
    CreateTask,
    Digest,
    Effect,
    Host,
    Http,
    HubError,
    LogCall,
    Malformed,
    NothingToDo,
    Notify,
    Push,
    Raw,
    Received,
    Record,
    Refused,
    Reply,
    Sent,
    Stored,
    WebhookRequest,
    WrongRecord,
    effect_kind,
    effect_whole,
    from_json,
)
from plugins.records.signature import sign, verify

# connection

Told: TypeAlias = Literal["tasks", "calls", "leads", "notes"]


class Settings(BaseModel):
    """The keys of a connection of this plugin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: SecretStr | None = Field(None, description="Shared with the sender, who signs each request with it.")
    token: SecretStr | None = Field(None, description="For senders that cannot sign: Authorization: Bearer <token>.")
    notify_url: HttpUrl | None = Field(None, description="Address of yours that gets notices as signed POST requests.")
    writes: tuple[Told, ...] = Field((), description="What that address is told as a CRM: tasks, calls, leads, notes.")


class Client:
    """An open way out: where notices go, and how they are signed."""

    def __init__(self, host: Host, settings: Settings, http: Http | None) -> None:
        self.host = host
        self.settings = settings
        self.http = http


# connect


@asynccontextmanager
async def open_client(settings: Settings, host: Host) -> AsyncIterator[Client]:
    """A client; without `notify_url` there is nothing to connect to."""
    if settings.notify_url is None:
        yield Client(host, settings, None)
        return
    secrets = [value.get_secret_value() for value in (settings.secret, settings.token) if value]
    async with host.http(str(settings.notify_url), secrets=secrets) as http:
        yield Client(host, settings, http)


# check


async def check(client: Client) -> Sequence[Checked]:
    """What this connection can do as it is configured."""
    settings = client.settings
    can_receive = settings.secret is not None or settings.token is not None
    return (
        Checked("files can be imported", ok=True),
        Checked(
            "the webhook accepts signed requests",
            can_receive,
            "" if can_receive else 'set secret = { env = "NAME" } or token; until then every request is refused',
        ),
    )


# parse


def parse(items: Sequence[Stored], _settings: Settings, context: Context) -> Iterable[Record]:
    """Records are what they say."""
    for item in items:
        if not isinstance(item.payload, dict):
            raise Malformed("a record is an object")
        try:
            yield from_json(item.payload, context.country)
        except WrongRecord as error:
            raise Malformed(str(error)) from error


# webhook


def webhook(request: WebhookRequest, settings: Settings) -> Received:
    """One record, an array of records, or JSON lines."""
    verify(
        request.headers,
        request.body,
        request.received_at,
        secret=settings.secret.get_secret_value() if settings.secret else None,
        token=settings.token.get_secret_value() if settings.token else None,
    )
    try:
        rows = _rows(request.body)
    except ValueError as error:
        text = f"not JSON: {error}; send one record, an array, or a record a line\n"
        return Received(reply=Reply(400, text.encode()))
    return Received([_raw(row) for row in rows])


def _rows(body: bytes) -> list[dict[str, Any]]:
    """The objects of a body. Raises ValueError, with the line where there are several."""
    try:
        content = orjson.loads(_without_mark(body))
    except ValueError:
        lines = [line for line in _without_mark(body).split(b"\n") if line.strip()]
        if len(lines) < 2:  # it is no JSON lines, and the first error says more
            raise
        content = list(map(orjson.loads, lines))
    rows = content if isinstance(content, list) else [content]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a record is an object")
    return rows


def _without_mark(text: bytes) -> bytes:
    """Without the byte order mark that Windows programs begin a file with."""
    return text.removeprefix(b"\xef\xbb\xbf")


def _raw(row: dict[str, Any]) -> Raw:
    kind, about = row.get("record", "unknown"), row.get("of", "")
    return Raw("record", f"{kind}{about and '/'}{about}/{row.get('id', '')}", row)


# read


def read(path: Path, name: str, _settings: Settings, context: Context) -> Iterator[Raw | Refused]:
    """The records of a `.jsonl` file, each refused one with its line and reasons."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{name} line {number}"
            try:
                row = orjson.loads(_without_mark(line))
                if not isinstance(row, dict):
                    raise ValueError("a record is an object")  # noqa: TRY301 - told like any other bad line
                from_json(row, context.country)
            except WrongRecord as error:
                yield Refused(where, str(error))
            except ValueError as error:
                yield Refused(where, f"not a JSON object: {error}")
            else:
                yield _raw(row)


# push


async def send(client: Client, effect: Effect) -> Sent:
    """POST the effect as JSON; the receiver knows a repetition by `Idempotency-Key`."""
    assert client.http is not None, "offered only with notify_url"
    body = orjson.dumps({"effect": effect_kind(effect), **effect_whole(effect)})
    timestamp = int(client.host.now().timestamp())
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": effect.key,
        "X-Hub-Timestamp": str(timestamp),
    }
    if client.settings.secret:
        headers["X-Hub-Signature"] = sign(client.settings.secret.get_secret_value(), timestamp, body)
    elif client.settings.token:
        headers["Authorization"] = f"Bearer {client.settings.token.get_secret_value()}"
    response = await client.http.request("POST", str(client.settings.notify_url), content=body, headers=headers)
    made = response.headers
    return Sent(id=made.get("X-Notice-Id"), card=made.get("X-Card-Id"), deal=made.get("X-Deal-Id"))


def classify(response: httpx.Response) -> HubError | None:
    """410: what the effect is about is no more there, so that nobody has to do anything."""
    return NothingToDo("what it was about is gone there") if response.status_code == 410 else None


TOLD: Mapping[type[Effect], Told] = {
    CreateTask: "tasks",
    AmendTask: "tasks",
    CloseTask: "tasks",
    LogCall: "calls",
    CreateLead: "leads",
    AddNote: "notes",
}


def pushes(settings: Settings) -> Sequence[Push]:
    """Where there is an address, notices go out; what a CRM is told, as far as it is wanted."""
    if settings.notify_url is None:
        return ()
    told = (
        Push(effect, send, on=what in settings.writes, switch=f'writes = ["{what}"]') for effect, what in TOLD.items()
    )
    return (*(Push(effect, send) for effect in (Notify, AmendNotice, Digest, Answer)), *told)


# words

RUSSIAN = {
    "Records (the hub's own format)": "Записи (собственный формат хаба)",
    "anything that can write JSON: by file or signed webhook": "всё, что умеет писать JSON: файлом или подписанным вебхуком",
    "Shared with the sender, who signs each request with it.": "Общий с отправителем: он подписывает им каждый запрос.",
    "For senders that cannot sign: Authorization: Bearer <token>.": (
        "Для тех, кто подписывать не умеет: Authorization: Bearer <token>."
    ),
    "Address of yours that gets notices as signed POST requests.": (
        "Ваш адрес, на который приходят извещения подписанными запросами POST."
    ),
    "What that address is told as a CRM: tasks, calls, leads, notes.": (
        "Что сообщать по этому адресу как CRM: tasks (задачи), calls (звонки), leads (сделки), notes (примечания)."
    ),
    "files can be imported": "файлы можно загружать",
    "the webhook accepts signed requests": "вебхук принимает подписанные запросы",
    'set secret = { env = "NAME" } or token; until then every request is refused': (
        "задайте secret или token; до тех пор любой запрос отклоняется"
    ),
}

# contents

CONNECTOR = Connector(
    name="records",
    title="Records (the hub's own format)",
    settings=Settings,
    open=open_client,
    check=check,
    parse={"record": parse},
    webhook=webhook,
    push=pushes,
    classify=classify,
    read=read,
    about="anything that can write JSON: by file or signed webhook",
    words={"ru": RUSSIAN},
)
