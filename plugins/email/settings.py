"""What must the operator say about a mailbox?"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from plugins.email import providers
from plugins.email.providers import Name, Provider
from plugins.email.session import Host

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BY_STARTTLS = frozenset({143, 587, 25})
"""Ports on which a connection begins in the clear and is encrypted by a command."""
_SERVER = re.compile(r"(?:(?P<how>tls|starttls)://)?(?P<name>[^/\s]+):(?P<port>\d{1,5})")


class Settings(BaseModel):
    """One mailbox: of a manager, or shared by a team."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field("", title="Address", description="the mailbox's address, for example sales@example.ru")
    provider: Name = Field(
        "auto",
        title="Provider",
        description="who runs the mailbox: auto sees it by the address; say it for a domain of your own at Yandex 360, "
        "VK WorkSpace, Google Workspace or Microsoft 365",
    )
    password: SecretStr | None = Field(
        None,
        title="App password",
        description="an app password (Yandex, Mail.ru, Google) or the mailbox's password on a server of your own",
    )
    client_id: str = Field(
        "", title="Application ID", description="instead of a password: ID of an application registered at the provider"
    )
    client_secret: SecretStr | None = Field(
        None, title="Application secret", description="its secret, from the same page of the provider"
    )
    user: str = Field("", title="Login", description="what one logs in with, if it is not the address")
    imap: str = Field(
        "",
        title="IMAP server",
        description="for a server of your own: name and port, for example mail.example.ru:993; 143 and other ports: "
        "starttls://mail.example.ru:143",
    )
    smtp: str = Field(
        "",
        title="SMTP server",
        description="for a server of your own: name and port, for example mail.example.ru:465 or "
        "starttls://mail.example.ru:587",
    )
    ca_file: str = Field(
        "",
        title="File of an authority",
        description="for a server with a certificate of your own: file with the certificate of who issued it (PEM)",
    )
    unencrypted: bool = Field(
        default=False,
        title="Without encryption",
        description="only for a server on this very machine: connect without TLS",
    )
    read: bool = Field(
        default=True, title="Read the mailbox", description="off: the mailbox only sends notices and reports"
    )
    since: date | None = Field(
        None, title="History since", description="history from this day on; left out: the last 90 days"
    )
    sent: str = Field(
        "",
        title="Folder of sent mail",
        description="name of the folder of sent mail, if the hub does not find it by itself",
    )
    folders: tuple[str, ...] = Field(
        (),
        title="Further folders",
        description='further folders into which rules sort mail of clients, for example ["Clients"]',
    )
    aliases: tuple[str, ...] = Field(
        (),
        title="Further addresses",
        description='other addresses that lead to this mailbox or write from it, for example ["info@example.ru"]',
    )
    domains: tuple[str, ...] = Field(
        (),
        title="Our domains",
        description="domains of which every address is one of us, beside that of the mailbox itself",
    )
    forms: tuple[str, ...] = Field(
        (),
        title="Senders of forms",
        description='addresses, or "@domain", from which the forms of your sites are mailed: each is a new lead',
    )
    bodies: bool = Field(
        default=False,
        title="Keep whole texts",
        description="keep the whole text of a mail; off: its beginning, enough to recognise it",
    )
    idle_minutes: int = Field(
        9,
        ge=1,
        le=29,
        title="Minutes of waiting",
        description="how long the connection waits silently before it is renewed; less behind a router that forgets it",
    )
    send: bool = Field(
        default=True,
        title="Send notices",
        description="tell our own people by mail, from this address: notices and reports",
    )
    sender: str = Field("crmhub", title="Name of the sender", description="name that the hub's own mails come from")
    keep_sent: bool = Field(
        default=True,
        title="Copies of notices in Sent",
        description="put a copy of each notice into the folder of sent mail, where the provider does not do so by itself; "
        "by it the hub sees after a crash what has gone out",
    )

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        address = value.strip()
        if address and (address.count("@") != 1 or address.startswith("@") or address.endswith("@") or " " in address):
            raise ValueError(f'{value!r} is no address; write for example "sales@example.ru"')
        return address

    @field_validator("imap", "smtp")
    @classmethod
    def _server(cls, value: str) -> str:
        found = _SERVER.fullmatch(value.strip())
        if value and (found is None or not 0 < int(found["port"]) < 65_536):
            raise ValueError(f'{value!r} is no server with its port; write for example "mail.example.ru:993"')
        return value.strip()

    @field_validator("ca_file")
    @classmethod
    def _file(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if self.unencrypted and not {self.imap_host.name, self.smtp_host.name} <= {*_LOOPBACK, ""}:
            raise ValueError("unencrypted is only for a server on this very machine, such as 127.0.0.1:143")
        return self

    @property
    def known(self) -> Provider:
        """What is known of who runs the mailbox."""
        return providers.of(self.provider, self.address)

    @property
    def login_name(self) -> str:
        """What one logs in with."""
        return self.user or self.address

    @property
    def by_token(self) -> bool:
        """Whether access is given by a person on the provider's page, not by a password."""
        return self.password is None and self.known.consent is not None

    @property
    def imap_host(self) -> Host:
        """Where mail is read."""
        return self._host(self.imap, self.known.imap)

    @property
    def smtp_host(self) -> Host:
        """Where mail is handed over to be sent."""
        return self._host(self.smtp, self.known.smtp)

    def _host(self, said: str, known: tuple[str, int]) -> Host:
        found = _SERVER.fullmatch(said or f"{known[0]}:{known[1]}")
        if found is None:
            return Host("", 0)
        port = int(found["port"])
        first = found["how"] == "tls" or (not found["how"] and port not in _BY_STARTTLS)
        return Host(found["name"].strip("[]"), port, first and not self.unencrypted, self.unencrypted, self.ca_file)
