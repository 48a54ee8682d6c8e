"""Who stands in an address field, however it is written, and is it one of us? (contract 6.1, 11.5)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from plugins.email import charset

_TOKEN = re.compile(
    rb'=\?[^?\s]{1,60}\?[bBqQ]\?[^?]{0,500}\?=|"(?:[^"\\]|\\.){0,500}"|<[^<>]{0,500}>|\((?:[^()\\]|\\.){0,300}\)|[,;:]|[^,;:<"(=]+|.',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\s<>@,;:\"()\[\]\\]{1,128}@[^\s<>@,;:\"()\[\]\\]{1,255}")
LONGEST = 50_000
"""Bytes of a field that are looked at."""
MOST = 500
"""Addresses of a field that are looked at."""


@dataclass(frozen=True, slots=True)
class Address:
    """One person of a field. value: the address in lower case, its domain as the network knows it; name: decoded."""

    value: str
    name: str = ""

    @property
    def local(self) -> str:
        return self.value.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.value.rpartition("@")[2]


def read(field: bytes, hint: str = "") -> tuple[Address, ...]:
    """The addresses of a field, in order, each once. hint: the charset of the body, for names in raw letters."""
    found: dict[str, Address] = {}
    for entry in _entries(field):
        address = _address(entry, hint)
        if address is not None:
            found.setdefault(address.value, address)
        if len(found) >= MOST:
            break
    return tuple(found.values())


def _entries(field: bytes) -> Iterator[list[bytes]]:
    """The field cut at its commas; a piece without an address belongs to the name before the next: Иванов, Иван <…>."""
    entry: list[bytes] = []
    has_address = False
    for token in _TOKEN.findall(field[:LONGEST]):
        if token == b";" or (token == b"," and has_address):
            if has_address:
                yield entry
            entry, has_address = [], False
        elif token == b":" and not has_address:
            entry = []  # the name of a group
        else:
            entry.append(token)
            has_address = has_address or b"@" in token
    if has_address:
        yield entry


def _address(entry: list[bytes], hint: str) -> Address | None:
    bracketed = [piece for piece in entry if piece.startswith(b"<") and piece.endswith(b">") and b"@" in piece]
    rest = [piece for piece in entry if piece is not (bracketed[-1] if bracketed else None)]
    if bracketed:
        value = _value(bracketed[-1].strip(b"<> "), glued=True)
        name = b"".join(piece for piece in rest if not piece.startswith(b"("))
        comments = b" ".join(piece[1:-1] for piece in rest if piece.startswith(b"("))
    else:
        comments = b" ".join(piece[1:-1] for piece in rest if piece.startswith(b"("))
        text = b"".join(piece for piece in rest if not piece.startswith(b"("))
        value = _value(text, glued=False)
        name = b""
    if value is None:
        return None
    return Address(value, charset.words(name.strip(b" ,") or comments, hint).strip("\"' ,").replace('\\"', '"'))


def _value(raw: bytes, *, glued: bool) -> str | None:
    """The address in canonical form. glued: blanks within are mistakes, not limits."""
    text = charset.words(raw)
    text = re.sub(r"\s+", "", text) if glued else re.sub(r"\s*@\s*", "@", text)
    found = _PLAIN.search(text.replace("mailto:", " "))
    if found is None:
        return None
    local, _, domain = found[0].rpartition("@")
    domain = domain.strip(".'").lower()
    if not domain.isascii():
        with suppress(UnicodeError):
            domain = domain.encode("idna").decode("ascii")
    local = local.strip(".'").lower()
    return f"{local}@{domain}" if local and domain else None


# One of us?

_ALIASES = {"googlemail.com": "gmail.com"} | dict.fromkeys(
    ("ya.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.com.tr"), "yandex.ru"
)


def same(value: str) -> str:
    """The mailbox behind an address: two with the same one are read by the same person."""
    local, _, domain = value.strip().lower().rpartition("@")
    domain = _ALIASES.get(domain, domain)
    local = local.partition("+")[0] or local
    if domain == "gmail.com":
        local = local.replace(".", "")
    elif domain == "yandex.ru":
        local = local.replace(".", "-")
    return f"{local}@{domain}"


@dataclass(frozen=True, slots=True)
class Ours:
    """All addresses of ours. mailboxes: as `same` writes them; domains: whose every address is one of us."""

    mailboxes: frozenset[str]
    domains: frozenset[str]

    def __contains__(self, address: Address) -> bool:
        return address.domain in self.domains or same(address.value) in self.mailboxes


@lru_cache(maxsize=256)
def ours(addresses: frozenset[str], domains: frozenset[str]) -> Ours:
    """From addresses and domains as people write them, `email:` handles included."""
    clean = (address.removeprefix("email:") for address in addresses)
    read_ones = (one for address in clean for one in read(address.encode()))
    return Ours(
        frozenset(same(one.value) for one in read_ones),
        frozenset(_domain(domain) for domain in domains),
    )


def _domain(text: str) -> str:
    domain = text.strip().lower().lstrip("@").strip(".")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return domain
