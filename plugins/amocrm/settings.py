"""What must the operator say about his amoCRM or Kommo account?"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from hub.sdk import Context

DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.(amocrm\.ru|amocrm\.com|kommo\.com)")
"""Where accounts live; nothing else is ever sent a secret of ours, whatever a redirect says."""


class Settings(BaseModel):
    """One account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str = Field(
        "",
        title="Account address",
        description="the account's address as in the browser, for example vostok.amocrm.ru or vostok.kommo.com",
    )
    client_id: str = Field(
        "",
        title="Integration ID",
        description="amoCRM: amoМаркет → your integration → Keys and scopes → integration ID",
    )
    client_secret: SecretStr | None = Field(
        None, title="Secret key", description="the secret key, on the same page as the integration ID"
    )
    redirect_uri: str = Field(
        "",
        title="Redirect address",
        description="enter it in the integration exactly so",
    )
    token: SecretStr | None = Field(
        None,
        title="Long-lived token",
        description="instead of client_id and client_secret: a long-lived token, on the same page of the integration",
    )
    account_id: int | None = Field(
        None, title="Account number", description="the account's number, so that no other account's hooks are taken"
    )
    hook_secret: SecretStr | None = Field(
        None,
        title="Secret of the webhook",
        description="last part of the webhook's address; made from client_secret or token when left out",
    )
    base_url: str = Field(
        "",
        title="Address of a sandbox",
        description="only for a sandbox: where it listens, for example http://127.0.0.1:8090",
    )
    since: date | None = Field(
        None,
        title="History since",
        description="history from this day on; left out: all cards, deals and tasks, and 90 days of changes and calls",
    )
    calls: Literal["auto", "read", "ignore"] = Field(
        "auto",
        title="Calls noted in the CRM",
        description="calls noted in the CRM: auto reads them only where no telephony is connected to the hub",
    )
    tasks: bool = Field(
        default=False,
        title="Task “Call back” after a missed call",
        description="write a task for each client who waits for a call back",
    )
    log_calls: bool = Field(
        default=False,
        title="Calls in the client's card",
        description="write each call of the hub's telephony into the client's history",
    )
    unknown_callers: Literal["off", "unsorted", "lead"] = Field(
        "off",
        title="Unknown callers",
        description="a caller whom the CRM does not know: nothing, an incoming (unsorted) lead, or contact and lead",
    )
    notes: bool = Field(
        default=False,
        title="Note where a client was lost in a transfer",
        description="note on the client that he was lost in a transfer",
    )
    pipeline: int | None = Field(
        None,
        title="Pipeline of new leads",
        description="number of the pipeline for new leads, in its address …/leads/pipeline/3100; left out: the main one",
    )
    task_type: int = Field(
        1,
        title="Type of the tasks",
        description="number of the task type for calls back; 1 is “Follow up” in every account",
    )
    source_name: str = Field(
        "crmhub",
        title="Name of the source",
        description="how the CRM calls the origin of calls and leads that the hub writes",
    )

    @field_validator("domain", mode="before")
    @classmethod
    def _domain(cls, value: object) -> object:
        if not isinstance(value, str) or not value:
            return value
        domain = value.strip().lower().removeprefix("https://").strip("/").partition("/")[0]
        if not DOMAIN.fullmatch(domain):
            raise ValueError(f'{value!r} is no account\'s address; write for example "vostok.amocrm.ru"')
        return domain

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(f'{value!r} is no address; write for example "http://127.0.0.1:8090"')
        return value.rstrip("/")

    @property
    def url(self) -> str:
        """Where the account's API is."""
        return self.base_url or f"https://{self.domain}"

    def reads_calls(self, context: Context) -> bool:
        """Whether calls are taken from the CRM: left to itself, only where no telephony is connected."""
        return self.calls == "read" or (self.calls == "auto" and not context.telephony)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not show in logs and errors."""
        given = (self.client_secret, self.token, self.hook_secret)
        return (*(secret.get_secret_value() for secret in given if secret), *filter(None, (self.hook_path,)))

    @property
    def hook_path(self) -> str:
        """The secret part of the webhook's address; empty while there is nothing to make it of.

        The vendor signs no webhook, so that the address is the only proof (developers' pages, "Webhooks").
        """
        if self.hook_secret is not None:
            return self.hook_secret.get_secret_value()
        key = self.client_secret or self.token
        if key is None:
            return ""
        return hmac.new(key.get_secret_value().encode(), b"webhook", hashlib.sha256).hexdigest()[:32]
