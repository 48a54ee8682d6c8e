"""Are tokens and secrets unreadable without the key, and is a pair refreshed by one worker alone?"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from hub.errors import AuthFailed, ConfigError
from hub.store import schema, secrets, tokens
from hub.store.database import Database
from hub.store.keyring import Keyring
from hub.store.tokens import Pair

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
FIRST = Pair("access-1", "refresh-1", NOW + timedelta(days=1))
SECOND = Pair("access-2", "refresh-2", NOW + timedelta(days=2))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "var", {})


@pytest.fixture
def held(store: Database, keyring: Keyring) -> Database:
    with store.begin() as connection:
        tokens.keep(connection, keyring, "amo", FIRST, NOW)
    return store


# The key


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "var", {})
    body = ring.encrypt("s3cret")
    file = tmp_path / "var" / "secret.key"
    assert b"s3cret" not in body
    assert ring.decrypt(body) == Keyring(tmp_path / "var", {}).decrypt(body) == "s3cret"
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_new_key_is_put_above_the_old_one_and_nothing_is_lost(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    body = Keyring(tmp_path, {"CRMHUB_KEY": old}).encrypt("s3cret")
    both = Keyring(tmp_path, {"CRMHUB_KEY": f"{new}, {old}"})
    assert both.decrypt(body) == "s3cret"
    assert Keyring(tmp_path, {"CRMHUB_KEY": new}).decrypt(both.encrypt("fresh")) == "fresh"
    assert not (tmp_path / "secret.key").exists()


def test_a_missing_or_wrong_key_says_what_to_do_and_not_the_secret(tmp_path: Path) -> None:
    body = Keyring(tmp_path / "one", {}).encrypt("s3cret")
    with pytest.raises(AuthFailed, match=r"none in .*secret\.key; put it back"):
        Keyring(tmp_path / "two", {}).decrypt(body)
    with pytest.raises(AuthFailed, match="connect this system anew"):
        Keyring(tmp_path, {"CRMHUB_KEY": Fernet.generate_key().decode()}).decrypt(body)
    with pytest.raises(ConfigError, match="CRMHUB_KEY: holds something that is no key"):
        Keyring(tmp_path, {"CRMHUB_KEY": "short"}).encrypt("s3cret")


# Secrets


def test_a_stored_secret_is_encrypted_replaced_and_forgotten(store: Database, keyring: Keyring) -> None:
    with store.begin() as connection:
        secrets.put(connection, keyring, "amo.client_secret", "first")
        secrets.put(connection, keyring, "amo.client_secret", "s3cret")
        assert secrets.get(connection, keyring, "amo.client_secret") == "s3cret"
        assert b"s3cret" not in connection.scalar(select(schema.secrets.c.body))
    assert secrets.look_up(store.url, keyring, "amo.client_secret") == "s3cret"
    with store.begin() as connection:
        secrets.forget(connection, "amo.client_secret")
    assert secrets.look_up(store.url, keyring, "amo.client_secret") is None


def test_a_secret_is_looked_up_before_there_is_a_store(tmp_path: Path, keyring: Keyring) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    assert secrets.look_up(url, keyring, "amo") is None
    assert not (tmp_path / "none.db").exists()


def test_a_secret_of_another_key_is_a_mistake_that_can_be_listed(store: Database, keyring: Keyring) -> None:
    with store.begin() as connection:
        secrets.put(connection, keyring, "amo", "s3cret")
    with pytest.raises(ValueError, match="connect this system anew"):
        secrets.look_up(store.url, Keyring(keyring.folder, {"CRMHUB_KEY": Fernet.generate_key().decode()}), "amo")


# Tokens


def test_a_pair_is_kept_encrypted(held: Database, keyring: Keyring) -> None:
    with held.begin() as connection:
        found = tokens.get(connection, keyring, "amo")
        assert found is not None
        assert (found.pair, found.generation, found.refused) == (FIRST, 1, None)
        body = bytes(connection.scalar(select(schema.tokens.c.body)))
    assert b"access-1" not in body
    assert b"refresh-1" not in body


def test_of_many_who_want_to_refresh_a_pair_one_may(held: Database) -> None:
    won: list[bool] = []

    def claim() -> None:
        with held.begin() as connection:
            won.append(tokens.claim(connection, "amo", 1, NOW, LATER))

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


def test_a_claim_ends_with_its_time_so_that_a_dead_worker_holds_nobody_up(held: Database) -> None:
    with held.begin() as connection:
        assert tokens.claim(connection, "amo", 1, NOW, LATER)
        assert not tokens.claim(connection, "amo", 1, NOW + timedelta(seconds=59), LATER)
        assert tokens.claim(connection, "amo", 1, LATER, LATER + timedelta(minutes=1))


def test_a_refreshed_pair_can_be_claimed_anew_and_the_old_one_no_more(held: Database, keyring: Keyring) -> None:
    with held.begin() as connection:
        tokens.claim(connection, "amo", 1, NOW, LATER)
        assert tokens.renew(connection, "amo", 1, keyring=keyring, pair=SECOND, now=LATER)
        found = tokens.get(connection, keyring, "amo")
        assert found is not None
        assert (found.pair, found.generation, found.refreshed_at) == (SECOND, 2, LATER)
        assert not tokens.claim(connection, "amo", 1, LATER, LATER)
        assert tokens.claim(connection, "amo", 2, LATER, LATER)


def test_what_a_person_gave_meanwhile_is_not_overwritten_by_a_refresh(held: Database, keyring: Keyring) -> None:
    with held.begin() as connection:
        tokens.claim(connection, "amo", 1, NOW, LATER)
        tokens.keep(connection, keyring, "amo", SECOND, NOW)
        assert not tokens.renew(connection, "amo", 1, keyring=keyring, pair=FIRST, now=LATER)
        assert not tokens.refuse(connection, "amo", 1, "revoked")
        found = tokens.get(connection, keyring, "amo")
        assert found is not None
        assert (found.pair, found.refused, found.claimed_until) == (SECOND, None, None)


def test_a_refused_pair_stays_refused_until_a_person_acts(held: Database, keyring: Keyring) -> None:
    def refused() -> str | None:
        found = tokens.get(connection, keyring, "amo")
        assert found is not None
        return found.refused

    with held.begin() as connection:
        tokens.refuse(connection, "amo", 1, "revoked")
        assert refused() == "revoked"
        tokens.forgive(connection, "amo")
        assert refused() is None
        tokens.refuse(connection, "amo", 1, "revoked")
        tokens.keep(connection, keyring, "amo", SECOND, NOW)
        assert refused() is None


def test_an_idle_pair_is_found_by_its_age_unless_it_is_refused(held: Database) -> None:
    with held.begin() as connection:
        assert not tokens.unused_since(connection, "amo", NOW - timedelta(seconds=1))
        assert tokens.unused_since(connection, "amo", NOW)
        tokens.refuse(connection, "amo", 1, "revoked")
        assert not tokens.unused_since(connection, "amo", NOW)
