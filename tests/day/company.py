"""A small company whose hub hears its telephone, its CRM, its mailbox and its bot, each pretended or real as far as can be.

Asterisk is a recording that is played, amoCRM and Telegram are the sandboxes, Dovecot and Postfix are real. What everybody
was told is read at the vendors, never from the hub.
"""

from __future__ import annotations

import asyncio
import email
import json
import smtplib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import httpx

from hub.engine.access import grant
from hub.engine.hub import open_hub
from hub.store import connections
from sandbox.ami import AmiServer
from sandbox.amocrm import AmoServer
from sandbox.amocrm.seed import ADMIN, MANAGER
from sandbox.mailproxy import MailProxy, Rule
from sandbox.recording import Recording
from sandbox.telegram import TelegramServer
from tests.crm.office import ALL_ON, SECRET, Office
from tests.live.mail.server import MailServer, password_of

RECORDING = Path(__file__).parents[2] / "plugins" / "telephony" / "asterisk" / "fixtures" / "ringgroup-missed"
ANNA, BORIS, GLEB = 5550101, 5550102, 5550103
"""Telegram accounts of those of us who are told there; Vera is told by mail."""
SHOP, VERA, CLIENT = "sales@example.test", "olga@example.test", "client@customer.test"
PATIENT, HOT = timedelta(minutes=9), timedelta(seconds=4)
"""What clients are promised: so short that the first warning comes at once, and so short that all the others do."""
MOSCOW = ZoneInfo("Europe/Moscow")

CONFIG = """
[hub]
timezone = "Europe/Moscow"
head_of_sales = "gleb"

[web]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"

[policy]
callback_target = "9m"
first_response_target = "9m"
lead_target = "9m"
contact_min_talk = "2s"
batch_alerts = "99 in 0s"  # one message a step: what comes together in one has no buttons
digest_at = "{digest_at}"

[calendars.always]
[[calendars.always.hours]]
from = 2020-01-01
days = {{ mon-sun = "00:00-24:00" }}

[lines.phone]
calendar = "always"
lines = ["74950010100", "74950010101", "form:site"]
duty = ["anna"]
head = "boris"

[lines.hotline]
calendar = "always"
lines = ["74950010109"]
callback_target = "4s"
duty = ["anna"]
head = "boris"

[lines.bot]
calendar = "always"
lines = ["@hub_test_bot"]
first_response_target = "4s"
duty = ["anna"]
head = "boris"

[lines.own]
calendar = "always"
lines = ["telegram:{anna}"]
head = "boris"

[lines.mail]
calendar = "always"
lines = ["{shop}"]
first_response_target = "4s"
duty = ["vera"]
head = "vera"

[team.anna]
name = "Анна Петрова"
handles = ["ext:pbx/101", "ext:src/101", "user:amo/{admin}", "telegram:{anna}"]
calendar = "always"
notify = ["telegram:{anna}"]

[team.boris]
name = "Борис Иванов"
handles = ["ext:pbx/102", "ext:src/102", "user:amo/{manager}"]
calendar = "always"
notify = ["telegram:{boris}"]

[team.vera]
name = "Вера Смирнова"
handles = ["ext:pbx/103", "email:{vera}"]
calendar = "always"
notify = ["email:{vera}"]

[team.gleb]
name = "Глеб Орлов"
calendar = "always"
notify = ["telegram:{gleb}"]

[connections.src]
plugin = "records"
secret = "{secret}"

[connections.pbx]
plugin = "asterisk"
port = {ami}
username = "hub"
secret = "hub-secret"
trunk_channels = ["PJSIP/trunk-"]
queues = {{ sales = ["101", "102", "103"] }}
outbound_prefix = "8"
company_number = "74950010100"

[connections.telegram]
plugin = "telegram"
base_url = "{bot_url}"
token = "{token}"

[connections.box]
plugin = "email"
address = "{shop}"
password = "{password}"
imap = "127.0.0.1:{imap}"
smtp = "127.0.0.1:{smtp}"
unencrypted = true
"""
About: TypeAlias = Callable[[str], bool]
"""Whether a text is about a client."""
ROADS = ("src", "amo", "pbx", "telegram", "box")


class Company(Office):
    """The folder of the hub and everybody whom it talks with."""

    def __init__(
        self, folder: Path, amo: AmoServer, telegram: TelegramServer, pbx: AmiServer, mail: MailServer, proxy: MailProxy
    ) -> None:
        self.telegram, self.pbx, self.mail, self.proxy = telegram, pbx, mail, proxy
        self.waited: dict[str, int] = {}
        """Handle of a client → seconds from his message to ours, as its vendor dates them."""
        super().__init__(folder, amo, **ALL_ON)

    def configure(self, **keys: Any) -> None:
        given = {key: self.amo.credentials[key] for key in ("base_url", "client_id", "client_secret", "redirect_uri")}
        told = {"plugin": "amocrm", "calls": "ignore", "domain": "vostok.amocrm.ru", **given, **keys}
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in told.items()]
        text = CONFIG.format(
            port=self.daemon.port,
            digest_at=f"{datetime.now(MOSCOW) + timedelta(hours=12):%H:%M}",
            anna=ANNA,
            boris=BORIS,
            gleb=GLEB,
            vera=VERA,
            shop=SHOP,
            admin=ADMIN,
            manager=MANAGER,
            secret=SECRET.decode(),
            ami=self.pbx.port,
            bot_url=self.telegram.base_url,
            token=self.telegram.token,
            password=password_of(SHOP),
            imap=self.proxy.port,
            smtp=self.mail.ports["smtp"],
        )
        (self.folder / "config.toml").write_text("\n".join([text, "[connections.amo]", *lines, ""]), encoding="utf-8")

    async def open(self, live_for: timedelta = timedelta(minutes=30), *, granted: bool = True) -> None:
        begun = datetime.now(UTC) - live_for
        hub = open_hub(self.folder / "config.toml", now=lambda: begun)
        try:
            with hub.db.begin() as store:
                for name in ROADS:
                    connections.go_live(store, name, begun)
            if granted:
                await grant(hub, "amo", self.pair())
        finally:
            hub.close()

    # what people do

    async def people(self, action: str, **more: Any) -> Any:
        """Somebody does something in Telegram."""
        async with httpx.AsyncClient(base_url=self.telegram.base_url, timeout=30) as hands:
            answer = await hands.post("/_ctl/touch", json={"action": action, **more})
        assert answer.is_success, answer.text
        (told,) = answer.json()["touched"]
        return next(value for value in told.values() if isinstance(value, dict))

    async def press(self, who: int, about: About, label: str) -> None:
        """One of us presses the button of that label under a message about the client, as soon as it is there."""
        await self.until(lambda: self._button(who, about, label), f"{who} sees no {label!r}")
        message, data = self._button(who, about, label)[-1]
        await self.people("press", user_id=who, message_id=message, data=data)

    def _button(self, who: int, about: About, label: str) -> list[tuple[int, str]]:
        return [
            (one["message_id"], button["callback_data"])
            for one in self.told_in(who, about)
            for row in one.get("reply_markup", {}).get("inline_keyboard", ())
            for button in row
            if button["text"] == label and "callback_data" in button
        ]

    def write(self, subject: str, name: str, *, to: str = SHOP, **headers: str) -> EmailMessage:
        """A client writes a mail."""
        mail = _mail(subject, f"{name} <{CLIENT}>", to, **headers)
        with smtplib.SMTP("127.0.0.1", self.mail.ports["smtp"]) as way:
            way.send_message(mail, CLIENT, [to])
        return mail

    def reply(self, asked: EmailMessage) -> EmailMessage:
        """One of us answers from the mailbox with his mail program, which keeps a copy."""
        threaded = {name: str(asked["Message-ID"]) for name in ("In-Reply-To", "References")}
        mail = _mail(f"Re: {asked['Subject']}", f"Магазин <{SHOP}>", str(asked["From"]), **threaded)
        self.mail.put(SHOP, [mail.as_bytes()], "Sent")
        return mail

    # what people were told

    def told_in(self, who: int, about: About) -> list[dict[str, Any]]:
        """Messages in the chat of one of us that are about a client, as they read now."""
        chat = self.telegram.world.chats.get(who)
        sent = chat.sent.values() if chat else ()
        return [one for one in sent if about(one.get("text", ""))]

    def mailed(self, about: About) -> list[str]:
        """Subjects of the mails to Vera that are about a client."""
        return [subject for subject in self._subjects() if about(subject)]

    def _subjects(self) -> Iterator[str]:
        with self.mail.mailbox(VERA) as box:
            box.select("INBOX", readonly=True)
            for number in box.search(None, "ALL")[1][0].split():
                answer: Any = box.fetch(number, "(BODY.PEEK[HEADER])")[1]
                yield str(email.message_from_bytes(answer[0][1], policy=default)["Subject"])

    def case_of(self, *handles: str) -> dict[str, Any] | None:
        """The client's only case, as the hub tells it."""
        found = [case for case in self.kept()[0] if set(handles) & set(case["contact"]["handles"])]
        assert len(found) < 2, found
        return found[0] if found else None

    async def until(self, holds: Callable[[], Any], what: str = "", seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not await asyncio.to_thread(holds):
            assert time.monotonic() < end, f"{what or 'never so'}\n{self.daemon.log[-6000:]}"
            await asyncio.sleep(0.1)


def _mail(subject: str, sender: str, to: str, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    given = {"Subject": subject, "From": sender, "To": to, "Date": format_datetime(datetime.now(UTC))}
    for name, value in {**given, "Message-ID": make_msgid(domain="customer.test"), **headers}.items():
        mail[name] = value
    mail.set_content("Здравствуйте! Когда будет готово?\n")
    return mail


@asynccontextmanager
async def company(folder: Path, mail: MailServer) -> AsyncIterator[Company]:
    """Everybody is there, the hub is not started; each of us has written to the bot once."""
    async with (
        AmoServer(contacts=6) as amo,
        TelegramServer(rps=0) as telegram,
        AmiServer(Recording.load(RECORDING), speed=10, runs=1) as pbx,
        MailProxy(mail.ports["imap"]) as proxy,
    ):
        made = Company(folder, amo, telegram, pbx, mail, proxy)
        for who, name in ((ANNA, "Анна Петрова"), (BORIS, "Борис Иванов"), (GLEB, "Глеб Орлов")):
            await made.people("write", user_id=who, name=name, text="/start")
        await made.open()
        try:
            yield made
        finally:
            await asyncio.to_thread(made.daemon.kill)


TROUBLE_OF_TELEGRAM = [
    {"kind": "half", "path": "*/getUpdates", "skip": 1, "count": 2},
    {"kind": "status", "status": 500, "path": "*/getUpdates", "skip": 5, "count": 1},
    {"kind": "status", "status": 429, "seconds": 1, "path": "*/sendMessage", "skip": 3, "count": 1},
    {"kind": "status", "status": 500, "path": "*/sendMessage", "skip": 6, "count": 1},
    {"kind": "lost", "path": "*/editMessageText", "skip": 1, "count": 1},
]
TROUBLE_OF_AMO = [
    {"kind": "lost", "method": "POST", "path": "/api/v4/tasks", "count": 1},
    {"kind": "half", "method": "GET", "path": "/api/v4/*", "skip": 10, "count": 2},
    {"kind": "status", "method": "GET", "path": "/api/v4/*", "status": 429, "skip": 20, "count": 1},
    {"kind": "status", "method": "GET", "path": "/api/v4/*", "status": 500, "skip": 30, "count": 1},
]
HOOKS = {"loss": 0.2, "double": 0.4, "delay": 0.1, "shuffle": True}


def trouble_of_mail() -> list[Rule]:
    return [Rule("cut", "FETCH", count=1), Rule("half", "FETCH", skip=1, count=1)]
