"""What is the whole pretend amoCRM: its accounts, tokens, limits and misfortunes?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sandbox.amocrm.account import Account, Clock
from sandbox.amocrm.limits import Limits
from sandbox.amocrm.oauth import Authority, Integration
from sandbox.amocrm.types import Json
from sandbox.faults import Faults


@dataclass
class World:
    """`default` answers where the host names no account."""

    accounts: dict[str, Account]
    """By subdomain."""
    default: Account
    authority: Authority
    integration: Integration
    """The one that the JSON line tells of."""
    admin_id: int
    seed: int = 1
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    latency: float = 0
    """Seconds before every answer."""
    public_url: str = ""
    """What links begin with, if not with the host that was called."""
    account_host: str = ""
    """What `referer` says after the consent page, the account's own host by default."""
    sessions: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Account and user behind a session cookie of the old interface."""
    former: set[str] = field(default_factory=set)
    """Subdomains that were renamed."""
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path with query and status of what was answered, beside the control plane."""
    exchanged: dict[str, int] = field(default_factory=dict)
    """When an old key was last exchanged, by integration and user."""
    _hooks: list[asyncio.Task[None]] = field(default_factory=list)

    def account(self, host: str) -> Account | None:
        """Whose account a host means; None for a subdomain that is no more."""
        label = host.partition(":")[0].partition(".")[0].lower()
        return None if label in self.former else self.accounts.get(label, self.default)

    def start_hooks(self, account: Account) -> None:
        """Deliver the account's webhooks until `stop`."""
        self._hooks.append(asyncio.create_task(account.hooks.run(), name="deliver webhooks"))

    async def stop(self) -> None:
        for task in self._hooks:
            task.cancel()
        await asyncio.gather(*self._hooks, return_exceptions=True)
        self._hooks.clear()

    def account_by_id(self, id: int) -> Account:
        return next(one for one in self.accounts.values() if one.id == id)

    def credentials(self, base_url: str, account: Account) -> Json:
        """What a client needs to connect; the code and the pair are fresh."""
        one = self.integration
        pair = self.authority.pair(account, one.client_id, self.admin_id)
        return {
            "base_url": base_url, "subdomain": account.subdomain, "client_id": one.client_id,
            "client_secret": one.client_secret, "redirect_uri": one.redirect_uri,
            "auth_code": self.authority.code(account, one.client_id, self.admin_id).text,
            "access_token": pair["access_token"], "refresh_token": pair["refresh_token"],
        }  # fmt: skip
