"""Who may call, and how does he come by a token?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from sandbox.amocrm.account import Account
from sandbox.amocrm.types import Json

ACCESS_LIFE, REFRESH_LIFE, CODE_LIFE = 86_400, 90 * 86_400, 20 * 60
SCOPES = ("crm", "files", "files_delete", "notifications", "push_notifications")


@dataclass
class Integration:
    """What an administrator created in the interface."""

    client_id: str
    client_secret: str
    redirect_uri: str
    name: str = "sandbox"
    uninstall_uri: str = ""
    scopes: tuple[str, ...] = SCOPES
    is_disabled: bool = False


@dataclass
class Grant:
    """A code, an access token or a refresh token: opaque to the client, known to us."""

    text: str
    client_id: str
    account_id: int
    user_id: int
    expires_at: int
    is_revoked: bool = False


@dataclass
class Authority:
    """All tokens of all accounts."""

    dice: random.Random
    key: bytes = b"the sandbox signs, nobody checks"
    integrations: dict[str, Integration] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    refreshes: int = 0
    """How often a refresh token was taken."""

    def register(self, redirect_uri: str, name: str = "sandbox", scopes: tuple[str, ...] = SCOPES) -> Integration:
        client_id = self._uuid()
        secret = self._hex(64)
        self.integrations[client_id] = one = Integration(client_id, secret, redirect_uri, name, scopes=scopes)
        return one

    def code(self, account: Account, client_id: str, user_id: int) -> Grant:
        text = "def502" + self._hex(700)
        self.codes[text] = grant = Grant(text, client_id, account.id, user_id, account.now() + CODE_LIFE)
        return grant

    def pair(self, account: Account, client_id: str, user_id: int) -> Json:
        """A new pair, as the token answer has it."""
        token = self.long_lived(account, client_id, user_id, ACCESS_LIFE)
        text = "def502" + self._hex(600)
        self.refresh[text] = Grant(text, client_id, account.id, user_id, account.now() + REFRESH_LIFE)
        return {
            "token_type": "Bearer", "expires_in": ACCESS_LIFE, "server_time": account.now(), "access_token": token.text,
            "refresh_token": text,
        }  # fmt: skip

    def long_lived(self, account: Account, client_id: str, user_id: int, seconds: int) -> Grant:
        """An access token that lives so many seconds; one of the interface lives up to five years."""
        now = account.now()
        claims = {
            "aud": client_id, "jti": self._hex(80), "iat": now, "nbf": now, "exp": now + seconds, "sub": str(user_id),
            "grant_type": "", "account_id": account.id, "base_domain": account.domain, "version": 2,
            "scopes": list(self.integrations[client_id].scopes), "hash_uuid": self._uuid(),
            "api_domain": f"api-b.{account.domain}",
        }  # fmt: skip
        text = jwt(claims, self.key)
        self.access[text] = grant = Grant(text, client_id, account.id, user_id, now + seconds)
        return grant

    def holder(self, account: Account, bearer: str) -> Grant | None:
        """Whose token this is; None for one that is unknown, expired, revoked or of another account."""
        grant = self.access.get(bearer)
        if grant is None or grant.is_revoked or grant.account_id != account.id or grant.expires_at <= account.now():
            return None
        integration = self.integrations.get(grant.client_id)
        return None if integration is None or integration.is_disabled else grant

    def expire(self) -> None:
        """Every access token issued so far is out of date; refresh tokens stay."""
        for grant in self.access.values():
            grant.expires_at = 0

    def revoke(self, client_id: str | None = None) -> None:
        """Everything issued so far, of one client or of all, is worth nothing."""
        for grant in self._all():
            if client_id in {None, grant.client_id}:
                grant.is_revoked = True

    def _all(self) -> Iterator[Grant]:
        for grants in (self.codes, self.access, self.refresh):
            yield from grants.values()

    def _hex(self, length: int) -> str:
        return f"{self.dice.getrandbits(length * 4):0{length}x}"

    def _uuid(self) -> str:
        text = self._hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def jwt(claims: Json, key: bytes) -> str:
    """A signed JSON web token, HS256."""
    head = _part(orjson.dumps({"typ": "JWT", "alg": "HS256"}))
    signed = f"{head}.{_part(orjson.dumps(claims))}"
    return f"{signed}.{_part(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def uninstall_signature(integration: Integration, account: Account) -> str:
    """What the uninstall hook is signed with."""
    text = f"{integration.client_id}|{account.id}"
    return hmac.new(integration.client_secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
