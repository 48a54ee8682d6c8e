"""Which keys may each table of `config.toml` have, and of which kind is each?"""

from __future__ import annotations

from datetime import date, time
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hub.core.calendars import zone_of
from hub.core.hours import Spans, WeekHours, parse_hours
from hub.core.policy import OWNER_ORDER
from hub.settings.durations import parse_duration
from hub.settings.secrets import Secret, secret_of

OwnerKind = Literal["deal_owner", "card_owner", "line_owner", "last_talk", "duty", "head"]

EXAMPLES = {
    "timezone": 'timezone = "Europe/Moscow"',
    "country": 'country = "RU"',
    "language": 'language = "ru"',
    "data": 'data = "var"',
    "database": 'database = "postgresql+psycopg://hub@localhost/hub"',
    "keep_raw": 'keep_raw = "90d"',
    "shared_handles": 'shared_handles = ["phone:+74950000000"]',
    "blocked_handles": 'blocked_handles = ["phone:+79990000000"]',
    "test_handles": 'test_handles = ["phone:+79990000000"]',
    "head_of_sales": 'head_of_sales = "gleb"',
    "listen": 'listen = "127.0.0.1:8080"',
    "trusted_proxy": 'trusted_proxy = ["10.0.0.2"]',
    "public_url": 'public_url = "https://hub.example.ru"',
    "daily": "daily = true",
    "weekly": "weekly = true",
    "monthly": "monthly = true",
    "managers": "managers = true",
    "closed_days": "closed_days = true",
    "at": 'at = "19:00"',
    "production_calendar": 'production_calendar = "RU"',
    "exceptions": 'exceptions = [{ on = 2026-12-31, hours = "09:00-15:00", why = "New Year\'s Eve" }]',
    "on": "on = 2026-12-31",
    "from": "from = 2026-01-01",
    "to": "to = 2026-01-14",
    "why": 'why = "vacation"',
    "hours": 'hours = "09:00-13:00 14:00-18:00"',
    "days": 'days = { mon-fri = "09:00-18:00", sat = "10:00-15:00" }',
    "calendar": 'calendar = "office"',
    "lines": 'lines = ["74950010100"]',
    "head": 'head = "boris"',
    "duty": 'duty = ["anna"]',
    "owners": 'owners = { "74950010100" = "anna" }',
    "owner_order": f"owner_order = {list(OWNER_ORDER)}".replace("'", '"'),
    "critical": "critical = true",
    "name": 'name = "Anna Petrova"',
    "handles": 'handles = ["ext:pbx/101", { handle = "phone:+79990000101", from = 2026-03-01 }]',
    "handle": 'handle = "ext:pbx/101"',
    "absences": 'absences = [{ from = 2026-03-02, to = 2026-03-08, why = "vacation" }]',
    "deputy": 'deputy = "boris"',
    "notify": 'notify = ["email:anna@example.ru"]',
    "plugin": 'plugin = "records"',
}
"""A right example of every key."""


def _zone(name: str) -> str:
    zone_of(name)
    return name


def _hours(text: Any) -> Spans:
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no text")
    return parse_hours(text)


def _days(days: dict[str, str]) -> dict[str, str]:
    WeekHours.of(date.min, days)
    return days


def _country(text: str) -> str:
    if len(text) != 2 or not text.isascii() or not text.isalpha():
        raise ValueError(f'"{text}" is no country; write the two letters of ISO 3166')
    return text.upper()


def _duration(text: Any) -> Any:
    return parse_duration(text)


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f'"{text}" is no address with a port')
    return text


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is no IP address or network; write "10.0.0.2" or "10.0.0.0/24"') from error
    return text


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not secure or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f'"{text}" is no https address by which others reach the hub')
    return text.rstrip("/")


def _time_of_day(text: str | None) -> str | None:
    try:
        return None if text is None else time.fromisoformat(text).strftime("%H:%M")
    except ValueError as error:
        raise ValueError(f'"{text}" is no time of day') from error


def _database(given: Any) -> str | Secret:
    secret = secret_of(given)
    if isinstance(given, str):
        return given
    if secret is None or secret.source == "stored":
        raise ValueError("is neither a URL nor { env = … } or { file = … }")
    return secret


Zone = Annotated[str, AfterValidator(_zone)]
Duration = Annotated[Any, BeforeValidator(_duration)]
From = Annotated[date, Field(alias="from")]


class Table(BaseModel):
    """A table of the file: typing errors must not vanish, so every key is known and of its own kind."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HubTable(Table):
    timezone: Zone = "Europe/Moscow"
    country: Annotated[str, AfterValidator(_country)] = "RU"
    language: Literal["ru", "en"] = "ru"
    data: str = "var"
    database: Annotated[str | Secret | None, BeforeValidator(_database)] = None
    keep_raw: Duration = parse_duration("90d")
    shared_handles: list[str] = []
    blocked_handles: list[str] = []
    test_handles: list[str] = []
    head_of_sales: str | None = None


class WebTable(Table):
    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8080"
    trusted_proxy: list[Annotated[str, AfterValidator(_network)]] = []
    public_url: Annotated[str | None, AfterValidator(_public_url)] = None

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


class ReportsTable(Table):
    """Which reports go out by mail, in the words of `hub.core.schedule.Plan`."""

    daily: bool = True
    weekly: bool = True
    monthly: bool = True
    managers: bool = True
    closed_days: bool = False
    at: Annotated[str | None, AfterValidator(_time_of_day)] = None


class ExceptionTable(Table):
    on: date
    hours: Annotated[Spans, BeforeValidator(_hours)]
    why: str = ""


class HoursTable(Table):
    from_: From
    days: Annotated[dict[str, str], AfterValidator(_days)]

    def week(self) -> WeekHours:
        return WeekHours.of(self.from_, self.days)


class CalendarTable(Table):
    timezone: Zone | None = None
    production_calendar: str | None = None
    exceptions: list[ExceptionTable] = []
    hours: list[HoursTable] = []


class LineTable(Table):
    calendar: str | None = None
    lines: list[str] = []
    head: str | None = None
    duty: list[str] = []
    owners: dict[str, str] = {}
    owner_order: list[OwnerKind] = list(OWNER_ORDER)  # type: ignore[arg-type]
    critical: bool = False


class HandleTable(Table):
    handle: str
    from_: Annotated[date | None, Field(alias="from")] = None

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, given: Any) -> Any:
        return {"handle": given} if isinstance(given, str) else given


class AbsenceTable(Table):
    from_: From
    to: date
    why: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> AbsenceTable:
        if self.to < self.from_:
            raise ValueError(f"ends on {self.to}, before it begins on {self.from_}")
        return self


class MemberTable(Table):
    name: str
    handles: list[HandleTable] = []
    calendar: str | None = None
    absences: list[AbsenceTable] = []
    deputy: str | None = None
    notify: list[str] = []


class ConnectionTable(Table):
    """Only `plugin` is the hub's; the other keys are the plugin's, which checks them itself."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    plugin: Annotated[str, Field(min_length=1)]
