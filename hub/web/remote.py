"""Who is asking, and by which address: headers of a proxy are believed only when a trusted proxy wrote them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from hub.settings import Web

Scope = MutableMapping[str, Any]


@dataclass(frozen=True)
class Remote:
    """One request's origin. host: with its port, as the browser's address line shows it."""

    address: str
    scheme: str
    host: str
    by_proxy: bool


class Network:
    """What `[web]` says about who may ask."""

    def __init__(self, web: Web) -> None:
        self._web = web

    @cached_property
    def _proxies(self) -> Sequence[IPv4Network | IPv6Network]:
        return [ip_network(network) for network in self._web.trusted_proxy]

    def remote(self, scope: Scope, headers: Mapping[str, str]) -> Remote:
        """Who asks: of a trusted proxy's request, whoever the proxy names."""
        peer = (scope.get("client") or ("", 0))[0]
        scheme, host = str(scope.get("scheme", "http")), headers.get("host", "")
        if not self._is_proxy(peer):
            return Remote(peer, scheme, host, by_proxy=False)
        behind = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
        address = next((part for part in reversed(behind) if not self._is_proxy(part)), peer)
        return Remote(
            address,
            headers.get("x-forwarded-proto", scheme).partition(",")[0].strip(),
            headers.get("x-forwarded-host", host).partition(",")[0].strip(),
            by_proxy=True,
        )

    def knows_host(self, remote: Remote) -> bool:
        """Whether pages may be shown under this name.

        A foreign site can let its own name point to 127.0.0.1 and so read pages that are for this machine only; its
        name in `Host` gives it away. A trusted proxy has decided for itself which names it serves.
        """
        if remote.by_proxy:
            return True
        name = _name(remote.host)
        return name in {"localhost", self._web.host} or _is_loopback(name)

    def _is_proxy(self, address: str) -> bool:
        if not self._web.trusted_proxy:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def headers_of(scope: Scope) -> dict[str, str]:
    """Header names in lower case; of a header sent twice the values are joined as HTTP says."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
