"""What does the demo play? A small company with a pretend PBX, and the configuration by which a hub connects to it."""

from pathlib import Path
from typing import Self

from sandbox.ami import AmiServer
from sandbox.recording import Recording

# Five minutes of a real Asterisk: 134 calls of all kinds, up to 13 at once.
RECORDING = Path(__file__).parents[1] / "plugins" / "telephony" / "asterisk" / "fixtures" / "mixed-stream"

CONFIG = """\
# The demo's configuration: a small company with one PBX. `crmhub init` writes one of your own.
[hub]
timezone = "Europe/Moscow"
country = "RU"
head_of_sales = "gleb"

[web]
listen = "{listen}"

[policy]
callback_target = "3m"      # so that something is late while you look
clock_tolerance = "1h"      # the first minutes are played fast, from the past up to now

[calendars.always]          # the demo is looked at at night, too
[[calendars.always.hours]]
from = 2020-01-01
days = {{ mon-sun = "00:00-24:00" }}

[lines.sales]
calendar = "always"
lines = ["74950010100", "74950010101", "74950010102", "74950010104", "74950010105", "74950010108"]
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
handles = ["ext:pbx/101"]
deputy = "vera"

[team.boris]
name = "Борис Иванов"
handles = ["ext:pbx/102"]

[team.vera]
name = "Вера Смирнова"
handles = ["ext:pbx/103"]

[team.gleb]
name = "Глеб Орлов"
handles = ["ext:pbx/104"]

[team.darya]
name = "Дарья Ким"
handles = ["ext:pbx/105"]

[team.egor]
name = "Егор Белов"
handles = ["ext:pbx/106", "phone:+79990000106"]

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
"""


class Stage:
    """The pretend vendors of the demo, up while the block lasts."""

    def __init__(self, speed: float = 10) -> None:
        """`speed`: how many times faster than life the first minutes are played."""
        self._recording = Recording.load(RECORDING)
        self._pbx = AmiServer(self._recording, speed=speed)

    async def __aenter__(self) -> Self:
        await self._pbx.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._pbx.__aexit__(*exception)

    def config(self, listen: str) -> str:
        """The text of a config.toml whose pages are served at `listen`, `127.0.0.1:8080`."""
        pbx = self._pbx
        zone = self._recording.zone.key
        return CONFIG.format(listen=listen, port=pbx.port, username=pbx.username, secret=pbx.secret, timezone=zone)
