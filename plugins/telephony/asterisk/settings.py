"""What must the operator say about his Asterisk?"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class Table(BaseModel):
    """Rows in a database."""

    model_config = ConfigDict(extra="forbid")

    url: SecretStr = Field(
        description="SQLAlchemy URL, for example mysql+pymysql://hub:…@pbx/asteriskcdrdb (read-only user)"
    )
    table: str = Field(default="cdr", description="name of the table, for example cdr or cel")


Source = Annotated[str | Table | None, Field(default=None)]


class Settings(BaseModel):
    """One Asterisk (FreePBX, Issabel, … too) with its manager interface."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(
        title="Address", default="127.0.0.1", description="address of the PBX, as permitted in manager.conf (permit=)"
    )
    port: int = Field(
        title="Port", default=5038, ge=1, le=65535, description="port of the manager interface; manager.conf, port="
    )
    username: str = Field(
        title="Account", default="", description="the account's name: the section in brackets in manager.conf"
    )
    secret: SecretStr = Field(
        title="Secret", default=SecretStr(""), description="the account's secret= in manager.conf"
    )
    timezone: str = Field(
        title="Time zone",
        default="Europe/Moscow",
        description="zone of the PBX's own clock (readlink /etc/localtime there); CDR times are local to it",
    )
    systemname: str = Field(default="", description="systemname= of asterisk.conf, empty if there is none")
    trunk_channels: list[str] = Field(
        default_factory=list,
        description='beginnings of channel names that lead outside, for example "PJSIP/mtt-"; see "core show channels" '
        "during an outside call. Empty: every endpoint that is not a short number",
    )
    queues: dict[str, list[str]] = Field(
        default_factory=dict, description='queues and their extensions, for example {sales = ["101", "102"]}'
    )
    outbound_prefix: str = Field(default="", description="what managers dial before an outside number, if anything")
    company_number: str = Field(default="", description="the number clients see on outbound calls, if it is one")
    country: str = Field(default="", description="country (ISO 3166) of numbers without one; empty: the hub's")
    cdr: Source = Field(
        title="Call records",
        description="call detail records for repairs: a CSV file, or {url = …, table = …}; see cdr_custom.conf",
    )
    cel: Source = Field(description="channel event log for exact repairs: a CSV file, or {url = …, table = …}")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f'{value!r} is no time zone; write for example "Europe/Moscow"') from None
        return value

    @field_validator("country")
    @classmethod
    def _country(cls, value: str) -> str:
        if value and not (len(value) == 2 and value.isalpha()):
            raise ValueError('a country is two letters, for example "RU"')
        return value.upper()
