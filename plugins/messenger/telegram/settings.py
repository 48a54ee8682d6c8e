"""What must the operator say about his bot?"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

API = "https://api.telegram.org"
_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{1,100}")


class Settings(BaseModel):
    """One bot."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr | None = Field(
        None,
        title="Token of the bot",
        description="@BotFather → /mybots → your bot → API Token, for example 123456789:AAE…",
    )
    webhook: bool = Field(
        default=False,
        title="By webhook",
        description="Telegram sends its updates to public_url of [web]; left out, the hub asks for them, which is as fast",
    )
    own_chats: tuple[int, ...] = Field(
        (),
        title="Groups of our own",
        description="numbers of groups in which only our own people talk, for example [-1001987654321]",
    )
    accounts: Mapping[str, int] = Field(
        default_factory=dict,
        title="Accounts of managers",
        description="only with a webhook: business connection → number of the manager's account; the hub finds out otherwise",
    )
    base_url: str = Field(
        API,
        title="Address of the Bot API",
        description="of a Bot API server of your own or of a sandbox, for example http://127.0.0.1:8081",
    )

    @field_validator("token", mode="before")
    @classmethod
    def _token(cls, value: object) -> object:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str) and text and not _TOKEN.fullmatch(text.strip()):
            raise ValueError("this is no token of a bot; it has the form 123456789:AAE…, a number, a colon and a key")
        return text.strip() or None if isinstance(text, str) else value

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f'{value!r} is no address; write for example "http://127.0.0.1:8081"')
        return value.rstrip("/")

    @property
    def bot(self) -> str:
        """The bot's number, which is the part of the token that is no secret; empty without a token."""
        return self.token.get_secret_value().partition(":")[0] if self.token else ""

    @property
    def hook_secret(self) -> str:
        """What Telegram shows with each webhook so that we know it; made from the token, empty without one."""
        if self.token is None:
            return ""
        return hmac.new(self.token.get_secret_value().encode(), b"webhook", hashlib.sha256).hexdigest()
