"""The contract of a connector as tests: derive a class, say what to try it on, and pytest runs them all."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from hub.core import records
from hub.core.records import Record, WrongRecord
from hub.errors import AuthFailed, Forged, HubError, Malformed, Temporary, Throttled
from hub.sdk.connector import (
    Connector,
    Context,
    Press,
    Raw,
    Received,
    Refused,
    Returned,
    Said,
    Stored,
    WebhookRequest,
)

_RECEIVED_AT = datetime(2026, 3, 10, 7, tzinfo=UTC)
_FITTING = {401: AuthFailed, 429: Throttled, 500: Temporary, 503: Temporary}
"""Who acts on a status that every vendor means alike."""
_SECRET_WORDS = ("secret", "token", "password", "api_key")


@dataclass(frozen=True, slots=True)
class Sample:
    """Items that make one fact, as the vendor gave them.

    items: all raws of one group (or a single one). required: keys of a payload (dictionary) without which it cannot
    be understood; each is taken away in turn, and the parser must say Malformed or leave the fact out.
    """

    name: str
    items: Sequence[Raw]
    required: Sequence[str] = ()


class Contract:
    """What holds for every connector (style.md, "Tests").

    A plugin's test module derives `class TestContract(Contract)` and sets the class variables; where a variable is
    left out, the tests that need it do not run, for the connector has no such way in or out.
    """

    connector: ClassVar[Connector]
    options: ClassVar[Mapping[str, Any]] = {}
    """The keys of a valid connection."""
    wrong_options: ClassVar[Mapping[str, Any]] = {}
    """At least two keys, each with a wrong value: all must be reported at once."""
    samples: ClassVar[Sequence[Sample]] = ()
    signed: ClassVar[Sequence[WebhookRequest]] = ()
    """Genuine webhook requests; forged ones are made of them."""
    files: ClassVar[Sequence[Path]] = ()
    """Files or folders that `read` understands."""
    context: ClassVar[Context] = Context("bench")

    @property
    def settings(self) -> BaseModel:
        """The connector's model of `options`."""
        return self.connector.settings.model_validate(dict(self.options))

    # settings

    def test_every_key_says_where_the_operator_finds_its_value(self) -> None:
        """A key without a description cannot be filled in."""
        silent = [name for name, key in self.connector.settings.model_fields.items() if not key.description]
        assert not silent

    def test_secrets_do_not_show(self) -> None:
        """Neither `repr` nor JSON of the settings holds a secret."""
        for name, value in self.settings:
            if any(word in name.lower() for word in _SECRET_WORDS) and value is not None:
                assert isinstance(value, SecretStr), f"{name} must be a SecretStr"
                assert value.get_secret_value() not in repr(self.settings)
                assert value.get_secret_value() not in self.settings.model_dump_json()

    def test_a_misspelt_key_is_refused(self) -> None:
        """A typing error must not vanish."""
        with pytest.raises(ValidationError):
            self.connector.settings.model_validate({**self.options, "no_such_key": 1})

    def test_all_mistakes_are_reported_at_once(self) -> None:
        """The operator corrects a section in one go."""
        if not self.wrong_options:
            pytest.skip("no key of this connector can be wrong")
        with pytest.raises(ValidationError) as caught:
            self.connector.settings.model_validate({**self.options, **self.wrong_options})
        reported = {str(detail["loc"][0]) for detail in caught.value.errors()}
        assert reported >= set(self.wrong_options)

    # streams, limits, login

    def test_every_stream_has_a_name_and_one_way_to_be_read(self) -> None:
        """A stream is pulled or stays open; history is pulled, for it comes to an end."""
        streams = self.connector.streams(self.settings) if self.connector.streams else ()
        assert len({stream.name for stream in streams}) == len(streams)
        for stream in streams:
            assert (stream.pull is None) != (stream.live is None), stream.name
            assert stream.pull is not None or not stream.backfill, stream.name

    def test_limits_are_paces_of_named_accounts(self) -> None:
        """Each has a rate that can be kept and an account that gives no secret away; the narrowest comes first."""
        limits = self.connector.limits(self.settings) if self.connector.limits else ()
        assert len({limit.account for limit in limits}) == len(limits)
        assert [limit.rate for limit in limits] == sorted(limit.rate for limit in limits)
        for limit in limits:
            assert limit.rate > 0, limit.account
            assert limit.burst >= 1, limit.account
            assert limit.account.strip(), "an account has a name"
            assert not [secret for secret in self.secrets if secret in limit.account]

    def test_a_person_consents_on_a_page_that_nobody_listens_to(self) -> None:
        """Its address is https or on this machine, carries the state back, and shows no secret."""
        login = self.connector.login(self.settings) if self.connector.login else None
        if login is None:
            return
        state = "state-of-the-contract"
        address = login.address(self.settings, "https://hub.example/oauth/bench", state)
        parts = urlsplit(address)
        assert parts.scheme == "https" or parts.hostname in {"127.0.0.1", "localhost", "::1"}, address
        assert state in parse_qs(parts.query).get("state", []), address
        assert not [secret for secret in self.secrets if secret in address]
        assert login.every > timedelta(0)

    @property
    def secrets(self) -> list[str]:
        """The secrets of `options`."""
        return [value.get_secret_value() for _, value in self.settings if isinstance(value, SecretStr) and value]

    def test_what_asks_for_webhooks_takes_them(self) -> None:
        """A vendor that is asked to send webhooks finds somebody who reads them, and a client to ask him with."""
        if self.connector.subscribe is not None:
            assert self.connector.webhook is not None
            assert self.connector.open is not None

    # parse

    def test_samples_yield_records(self) -> None:
        """Each sample makes at least one record, and ids are unique within a kind."""
        for sample in self.samples:
            found = self.parse(sample.items)
            assert found, sample.name
            keys = [(records.kind(record), record.id) for record in found]
            assert len(keys) == len(set(keys)), sample.name

    def test_parse_is_pure(self) -> None:
        """The same items give the same records, and the payloads are left as they were."""
        for sample in self.samples:
            items = [copy.deepcopy(raw) for raw in sample.items]
            assert self.parse(items) == self.parse(items), sample.name
            assert items == list(sample.items), sample.name

    def test_order_of_arrival_does_not_matter(self) -> None:
        """Items that come in another order, in other moments and twice are the same facts."""
        for number, sample in enumerate(self.samples):
            dice = random.Random(number)  # noqa: S311 - a repeatable shuffle
            shuffled = [*sample.items, *dice.sample(list(sample.items), len(sample.items) // 3)]
            dice.shuffle(shuffled)
            assert self.parse(shuffled) == self.parse(sample.items), sample.name

    def test_a_missing_key_is_malformed_never_a_bug(self) -> None:
        """Without a required key the parser says Malformed or yields nothing."""
        for sample in self.samples:
            for key in sample.required:
                for number, raw in enumerate(sample.items):
                    assert isinstance(raw.payload, dict), "keys are taken from dictionaries"
                    if key not in raw.payload:
                        continue
                    rest = {name: value for name, value in raw.payload.items() if name != key}
                    items = [*sample.items[:number], replace(raw, payload=rest), *sample.items[number + 1 :]]
                    self.assert_understood_or_malformed(items, f"{sample.name} without {key}")

    def test_nonsense_is_malformed_never_a_bug(self) -> None:
        """Payloads of any JSON shape are survived."""
        for kind in self.connector.parse:
            for payload in (None, 7, "text", [], {}, {"a": {"b": [1, None]}}, [["x"]]):
                self.assert_understood_or_malformed([Raw(kind, "nonsense", payload, "g")], f"{kind} {payload!r}")

    def assert_understood_or_malformed(self, items: Sequence[Raw], what: str) -> None:
        """Either records or an error of ours; anything else is a bug of the parser."""
        try:
            self.parse(items)
        except (Malformed, WrongRecord):
            return
        except Exception as error:  # noqa: BLE001 - that is what is tested
            pytest.fail(f"{what}: {error!r}")

    def parse(self, items: Sequence[Raw]) -> list[Record]:
        """The records of items that arrive one after the other, without what is told to the hub alone."""
        stored = [
            Stored(raw.kind, raw.id, raw.payload, _RECEIVED_AT + timedelta(milliseconds=number), raw.group)
            for number, raw in enumerate(items)
        ]
        yielded = self.connector.parse[items[0].kind](stored, self.settings, self.context)
        found = [item for item in yielded if not isinstance(item, Press | Said | Returned)]
        return sorted(found, key=lambda record: (records.kind(record), record.id))

    # webhook

    def test_a_genuine_webhook_is_taken(self) -> None:
        """Its items have names and can be parsed: the same road as everything else."""
        for request in self.signed:
            received = self.receive(request)
            assert received.reply.status < 300
            for raw in received.items:
                assert raw.id
                self.assert_understood_or_malformed([raw], "webhook")

    def test_a_forged_webhook_is_refused(self) -> None:
        """A changed body, an old moment, no signature: each is Forged."""
        for request in self.signed:
            for forged in (
                replace(request, body=request.body + b" "),
                replace(request, received_at=request.received_at + timedelta(days=1)),
                replace(request, headers={}, query={}),
            ):
                with pytest.raises(Forged):
                    self.receive(forged)

    def receive(self, request: WebhookRequest) -> Received:
        """What the connector makes of a request."""
        assert self.connector.webhook is not None, "signed requests are given for a connector with a webhook"
        return self.connector.webhook(request, self.settings)

    # read

    def test_files_are_read_to_their_end(self) -> None:
        """Reading ends, yields items with names, and yields the same items again."""
        for path in self.files:
            found = self.read(path)
            assert found, path
            assert all(isinstance(item, Refused) or item.id for item in found)
            assert found == self.read(path)

    def read(self, path: Path) -> list[Raw | Refused]:
        """All items of a file."""
        assert self.connector.read is not None, "files are given for a connector that reads them"
        return list(self.connector.read(path, path.name, self.settings, self.context))

    # errors

    def test_errors_are_ours(self) -> None:
        """`classify` answers with an error of the hub or with nothing, whatever stands in the body."""
        if self.connector.classify is None:
            return
        import httpx  # noqa: PLC0415 - only for connectors that classify

        for status in (200, 400, 401, 403, 404, 429, 500, 503):
            for text in ("", "{}", "[]", "<html><title>an answer of somebody in between</title></html>"):
                error = self.connector.classify(httpx.Response(status, text=text))
                assert error is None or isinstance(error, HubError)
                assert status not in {401, 429, 500, 503} or error is None or isinstance(error, _FITTING[status])
