"""What does the demo play? A small company with a pretend PBX, CRM and messenger, and the configuration of a hub between them."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from sandbox.ami import AmiServer
from sandbox.amocrm import AmoServer
from sandbox.cardfile import clients, fill
from sandbox.chatter import chat
from sandbox.recording import Recording
from sandbox.telegram import TelegramServer

# Five minutes of a real Asterisk: 134 calls of all kinds, up to 13 at once.
RECORDING = Path(__file__).parents[1] / "plugins" / "telephony" / "asterisk" / "fixtures" / "mixed-stream"

CONFIG = """\
# The demo's configuration: a small company with a PBX, a CRM and a messenger. `crmhub init` writes one of your own.
[hub]
timezone = "Europe/Moscow"
country = "RU"
head_of_sales = "gleb"

[web]
listen = "{listen}"
{public}

[policy]
callback_target = "3m"      # so that something is late while you look
first_response_target = "2m"
clock_tolerance = "1h"      # the first minutes are played fast, from the past up to now

[calendars.always]          # the demo is looked at at night, too
[[calendars.always.hours]]
from = 2020-01-01
days = {{ mon-sun = "00:00-24:00" }}

[lines.sales]
calendar = "always"
lines = ["74950010100", "74950010101", "74950010102", "74950010104", "74950010105", "74950010108", "@{bot}", "telegram:5550103"]
head = "boris"
duty = ["anna", "vera"]

[lines.support]
calendar = "always"
lines = ["74950010103", "74950010106", "74950010107"]
head = "gleb"
duty = ["darya"]
owners = {{ "74950010103" = "gleb" }}

[team.anna]
name = "Анна Петрова"
handles = ["ext:pbx/101", "user:amo/8100011", "telegram:5550101"]
notify = ["telegram:5550101"]
deputy = "vera"

[team.boris]
name = "Борис Иванов"
handles = ["ext:pbx/102", "user:amo/8100012", "telegram:5550102"]
notify = ["telegram:5550102"]

[team.vera]
name = "Вера Смирнова"
handles = ["ext:pbx/103", "user:amo/8100013", "telegram:5550103"]
notify = ["telegram:5550103"]

[team.gleb]
name = "Глеб Орлов"
handles = ["ext:pbx/104", "user:amo/8100014", "telegram:5550104"]
notify = ["telegram:5550104"]

[team.darya]
name = "Дарья Ким"
handles = ["ext:pbx/105", "user:amo/8100015"]

[team.egor]
name = "Егор Белов"
handles = ["ext:pbx/106", "user:amo/8100016", "phone:+79990000106"]

[connections.pbx]
plugin = "asterisk"
host = "127.0.0.1"
port = {port}
username = "{username}"
secret = "{secret}"
timezone = "{timezone}"
trunk_channels = ["PJSIP/trunk-"]
queues = {{ sales = ["101", "102", "103"], support = ["104", "105"] }}
outbound_prefix = "8"
company_number = "74950010100"

[connections.amo]
plugin = "amocrm"
base_url = "{crm}"
token = "{token}"
tasks = true                # a task for each client who waits for a call back
log_calls = true            # each call in the client's card
unknown_callers = "unsorted"
notes = true

[connections.telegram]
plugin = "telegram"         # clients write to the bot, and the team is told by it
base_url = "{telegram}"
token = "{bot_token}"
"""
USERS = {
    8100011: "Анна Петрова",
    8100012: "Борис Иванов",
    8100013: "Вера Смирнова",
    8100014: "Глеб Орлов",
    8100015: "Дарья Ким",
    8100016: "Егор Белов",
}
"""The team as the CRM knows it; who leads it administers the CRM."""
HEAD = 8100014


class Stage:
    """The pretend vendors of the demo, up while the block lasts."""

    def __init__(self, speed: float = 10) -> None:
        """`speed`: how many times faster than life the first minutes are played."""
        self._recording = Recording.load(RECORDING)
        self._pbx = AmiServer(self._recording, speed=speed)
        self._crm = AmoServer(contacts=0)
        self._telegram = TelegramServer()
        self._token = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._pbx)
            await stack.enter_async_context(self._crm)
            await stack.enter_async_context(self._telegram)
            self._token = fill(self._crm, clients(self._recording), USERS, HEAD)
            scene = asyncio.create_task(chat(self._telegram), name="people write")
            stack.callback(scene.cancel)
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._open.aclose()

    @property
    def crm_page(self) -> str:
        """Where the pretend CRM shows itself as a user would see it."""
        return f"{self._crm.base_url}/_ctl/"

    @property
    def messenger_page(self) -> str:
        """Where the chats are seen as the people in them see them."""
        return f"{self._telegram.base_url}/_ctl/"

    def config(self, listen: str) -> str:
        """The text of a config.toml whose pages are served at `listen`, `127.0.0.1:8080`; port 0 takes a free one."""
        pbx = self._pbx
        return CONFIG.format(
            listen=listen,
            public="" if listen.endswith(":0") else f'public_url = "http://{listen}"',
            port=pbx.port,
            username=pbx.username,
            secret=pbx.secret,
            timezone=self._recording.zone.key,
            crm=self._crm.base_url,
            token=self._token,
            bot=self._telegram.world.bot["username"],
            telegram=self._telegram.base_url,
            bot_token=self._telegram.token,
        )
