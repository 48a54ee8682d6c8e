"""Which tables exist, and what each row and state means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment as UTC milliseconds; a datetime without a zone is refused, for SQLite would lose its offset silently."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Milliseconds since 1970, cut."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no zone")
        return (value - _EPOCH) // _MILLISECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """An aware datetime in UTC."""
        return None if value is None else _EPOCH + value * _MILLISECOND


class Json(TypeDecorator[Any]):
    """A JSON value as compact bytes."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        """Bytes of the value; None stays NULL."""
        return None if value is None else orjson.dumps(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        """The value again."""
        return None if value is None else orjson.loads(bytes(value))


Key = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is a rowid there

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key() -> Column[int]:
    return Column("id", Key, primary_key=True, autoincrement=True)


# One row a connection of the configuration. live_since: when the daemon first ran it. state: `active`, or `paused`
# (access refused; `because` says what the operator must do). clock_offset: source − ours in milliseconds. carries: kinds
# of effects that its settings switch on, each with since when.
connections = Table(
    "connections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("plugin", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="active"),
    Column("because", Text),
    Column("live_since", Instant),
    Column("received_at", Instant),
    Column("clock_offset", Integer, nullable=False, server_default="0"),
    Column("carries", Json),
)

# Connections that are being made, until they are saved or given up. state: digest of what the vendor sends back with the
# person's consent, once. seat: digest of the browser's cookie, NULL for the command line. body: what was given so far,
# encrypted; answer: what the vendor sent to the redirect page for the command line, encrypted.
drafts = Table(
    "drafts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, unique=True),
    Column("seat", Text),
    Column("body", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Column("expires_at", Instant, nullable=False),
)

# How far each stream was read. due_at: when to pull next; complete_until: nothing older is missing.
streams = Table(
    "streams",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("cursor", Json),
    Column("complete_until", Instant),
    Column("pulled_at", Instant),
    Column("due_at", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),
)

# Items as the vendors gave them. state: `new` waits for absorb, `done` kept for its group and for replay, `dead` could
# not be understood (`error` says why). group_key: parsed together with all raws of that group. clock_offset: by how
# many milliseconds the source's clock was wrong, 0 within the tolerance.
inbox = Table(
    "inbox",
    metadata,
    _key(),
    Column("connection", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("group_key", Text),
    Column("joins", Json),
    Column("payload", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("as_live", Boolean, nullable=False, server_default=text("false")),
    Column("clock_offset", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="new"),
    Column("error", Text),
    Index(
        "ix_inbox_kept",
        "connection",
        "kind",
        "item",
        "digest",
        unique=True,
        sqlite_where=text("state <> 'dead'"),
        postgresql_where=text("state <> 'dead'"),
    ),
    Index("ix_inbox_new", "id", sqlite_where=text("state = 'new'"), postgresql_where=text("state = 'new'")),
    Index("ix_inbox_dead", "id", sqlite_where=text("state = 'dead'"), postgresql_where=text("state = 'dead'")),
    Index(
        "ix_inbox_group",
        "connection",
        "group_key",
        sqlite_where=text("group_key IS NOT NULL"),
        postgresql_where=text("group_key IS NOT NULL"),
    ),
    Index("ix_inbox_received_at", "received_at"),
)

# Groups that turned out to be one call: key → root. A key without a row is its own root.
group_aliases = Table(
    "group_aliases",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("root", Text, nullable=False),
    Index("ix_group_aliases_root", "connection", "root"),
    sqlite_with_rowid=False,
)

# The kept raws of a finished group in one compressed row.
packs = Table(
    "packs",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("root", Text, primary_key=True),
    Column("items", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Index("ix_packs_received_at", "received_at"),
)

# How people are addressed. contact_id may change (merge, split); the id of a handle never does.
handles = Table(
    "handles",
    metadata,
    _key(),
    Column("value", Text, nullable=False, unique=True),
    Column("contact_id", Key, nullable=False, index=True),
    Column("shared", Boolean, nullable=False, server_default=text("false")),
)

# Clients. kind: `person`, `shared`, `withheld` (one call), `none` (nobody's). revision counts changes; due_at: to be
# derived now or then; wake_at: when time alone changes something; changed_from: the earliest changed fact since the
# last derivation; rest_until: a contact with very many facts is left alone until then; merged_into: tombstone of an
# absorbed contact.
contacts = Table(
    "contacts",
    metadata,
    _key(),
    Column("kind", Text, nullable=False),
    Column("name", Text),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant),
    Column("wake_at", Instant),
    Column("changed_from", Instant),
    Column("seen_at", Instant),
    Column("rest_until", Instant),
    Column("merged_into", Key),
    Column("error", Text),
    Index(
        "ix_contacts_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_contacts_wake",
        "wake_at",
        sqlite_where=text("wake_at IS NOT NULL"),
        postgresql_where=text("wake_at IS NOT NULL"),
    ),
)

# Facts and objects in their current version. handle_id: the client's handle (never changes for a fact); contact_id:
# of cards only. target: what a mark is about (a handle or a reference). first_version/changed_at/tie_at/digest order
# the versions of one fact. unfinished: a deal that is open, a task that is not done.
# gone_at: deleted at the source (`gone` without a moment: at the beginning of time).
records = Table(
    "records",
    metadata,
    _key(),
    Column("connection", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("root", Text),
    Column("version", BigInteger),
    Column("changed_at", Instant),
    Column("tie_at", Instant),
    Column("digest", LargeBinary),
    Column("at", Instant),
    Column("handle_id", Key, ForeignKey("handles.id")),
    Column("contact_id", Key),
    Column("target", Text),
    Column("inbound", Boolean, nullable=False, server_default=text("false")),
    Column("as_live", Boolean, nullable=False, server_default=text("false")),
    Column("clamped", Boolean, nullable=False, server_default=text("false")),
    Column("unfinished", Boolean, nullable=False, server_default=text("false")),
    Column("gone_at", Instant),
    Column("received_at", Instant, nullable=False),
    Column("body", Json),
    UniqueConstraint("connection", "kind", "source_id"),
    Index(
        "ix_records_handle_id",
        "handle_id",
        "at",
        sqlite_where=text("handle_id IS NOT NULL"),
        postgresql_where=text("handle_id IS NOT NULL"),
    ),
    Index(
        "ix_records_unfinished",
        "kind",
        sqlite_where=text("unfinished = 1"),  # as SQLAlchemy asks for it: the index is not used otherwise
        postgresql_where=text("unfinished"),
    ),
    Index(
        "ix_records_first_inbound", "handle_id", "at", sqlite_where=text("inbound"), postgresql_where=text("inbound")
    ),
    Index(
        "ix_records_contact_id",
        "contact_id",
        sqlite_where=text("contact_id IS NOT NULL"),
        postgresql_where=text("contact_id IS NOT NULL"),
    ),
    Index(
        "ix_records_at",
        "kind",
        "at",
        sqlite_where=text("at IS NOT NULL"),
        postgresql_where=text("at IS NOT NULL"),
    ),
    Index(
        "ix_records_target",
        "target",
        sqlite_where=text("target IS NOT NULL"),
        postgresql_where=text("target IS NOT NULL"),
    ),
    Index(
        "ix_records_root",
        "connection",
        "root",
        sqlite_where=text("root IS NOT NULL"),
        postgresql_where=text("root IS NOT NULL"),
    ),
)

# Every handle of a record that has several (cards, submissions, meetings).
record_handles = Table(
    "record_handles",
    metadata,
    Column("record_id", Key, ForeignKey("records.id"), primary_key=True),
    Column("handle_id", Key, ForeignKey("handles.id"), primary_key=True),
    Index("ix_record_handles_handle_id", "handle_id"),
    sqlite_with_rowid=False,
)

# Which cards (of the same connection) a deal belongs to.
deal_cards = Table(
    "deal_cards",
    metadata,
    Column("record_id", Key, ForeignKey("records.id"), primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("card", Text, primary_key=True),
    Index("ix_deal_cards_card", "connection", "card"),
    sqlite_with_rowid=False,
)

# Versions of cards and deals that have been more than one thing: each owns from its changed_at (metrics.md 7).
versions = Table(
    "versions",
    metadata,
    Column("record_id", Key, ForeignKey("records.id"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("version", BigInteger),
    Column("changed_at", Instant),
    Column("body", Json, nullable=False),
)

# Verdicts on calls: what `crmhub calls` prints, one row a call. pending: time alone will still change the verdict.
# told: connections that were told of the call.
calls = Table(
    "calls",
    metadata,
    Column("record_id", Key, ForeignKey("records.id"), primary_key=True),
    Column("contact_id", Key, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("direction", Text, nullable=False),
    Column("outcome", Text),
    Column("missed", Boolean, nullable=False),
    Column("excluded", Text),
    Column("line_group", Text),
    Column("pending", Boolean, nullable=False),
    Column("told", Json),
    Column("row", Json, nullable=False),
    Index("ix_calls_started_at", "started_at", "record_id"),
    Index("ix_calls_contact_id", "contact_id", "started_at"),
    Index(
        "ix_calls_running",
        "started_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

# A member's phone rang and he did not take it (metrics.md 2.4).
offers = Table(
    "offers",
    metadata,
    Column("record_id", Key, ForeignKey("records.id"), primary_key=True),
    Column("member", Text, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("seconds", Integer, nullable=False),
    Column("share", Integer, nullable=False, server_default="100"),
    Index("ix_offers_member", "member", "at"),
    Index("ix_offers_at", "at"),
)

# Clients who wait or waited. The row id is permanent; key may change. state as in metrics.md 3.3; evidence: references
# that opened or joined it; started_at: start of the first session; taken: steps already taken (keys step/recipient).
cases = Table(
    "cases",
    metadata,
    _key(),
    Column("contact_id", Key, nullable=False),
    Column("kind", Text, nullable=False),
    Column("line_group", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("resolution", Text),
    Column("started_at", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("closed_at", Instant),
    Column("merged_into", Key),
    Column("evidence", Json, nullable=False),
    Column("taken", Json, nullable=False),
    Column("row", Json, nullable=False),
    Index("ix_cases_contact_id", "contact_id", "started_at"),
    Index("ix_cases_open", "due_at", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    Index("ix_cases_opened_at", "opened_at", "id"),
    Index("ix_cases_closed_at", "closed_at"),
    Index("ix_cases_key", "key"),
)

# What is to be done outside. state: `planned` waits for due_at, `held` waits for the recipient's hours, `sending`
# claimed, `sent`, `dropped` (no longer true, or nobody to tell), `dead` refused by the vendor, `unknown` may or may not
# have happened. connection: who carries it, of notices once it is claimed. card, deal: what was made with it there.
# address: the handle by which one of us was told. told_with: key of the notice in whose message this one is told, too.
outbox = Table(
    "outbox",
    metadata,
    _key(),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("case_id", Key, index=True),
    Column("contact_id", Key),
    Column("connection", Text),
    Column("recipient", Text),
    Column("at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("state", Text, nullable=False, server_default="planned"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("vendor_id", Text),
    Column("url", Text),
    Column("card", Text),
    Column("deal", Text),
    Column("address", Text),
    Column("told_with", Text, index=True),
    Column("settled_at", Instant),
    Column("body", Json, nullable=False),
    Index("ix_outbox_vendor_id", "vendor_id", "connection"),
    Index("ix_outbox_recipient", "recipient", "settled_at"),
    Index(
        "ix_outbox_due", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")
    ),
)

# Ways to our own people that the configuration does not tell all of. linked_at: when he linked it himself with a code, NULL
# for one that is written in `[team]`. closed_at: since when he cannot be reached by it, and why.
channels = Table(
    "channels",
    metadata,
    Column("handle", Text, primary_key=True),
    Column("member", Text, nullable=False),
    Column("linked_at", Instant),
    Column("closed_at", Instant),
    Column("why", Text),
)

# One-time codes by which one of us links an account of his, as digests.
invites = Table(
    "invites",
    metadata,
    Column("code", LargeBinary, primary_key=True),
    Column("member", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

# Accepted versions of `[policy]`, `[lines]`, `[calendars]`.
rules = Table(
    "rules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("active_from", Instant, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", Json, nullable=False),
)

# What a person must repair; a row is gone once it is repaired.
repairs = Table(
    "repairs",
    metadata,
    Column("key", Text, primary_key=True),
    Column("connection", Text),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),
)

# How much came from each source, hour by hour of its own clock: from these it is learned how much is usual, and whether
# a silence is strange. Derived from records, and rebuilt from them when that changes. last_at: of the latest fact.
pulses = Table(
    "pulses",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Stretches in which a source was strangely silent; until is NULL while it still is.
gaps = Table(
    "gaps",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),
    sqlite_with_rowid=False,
)

# Months whose figures were published and stay as they were. late: references of facts of the month that came or changed
# since it was last looked at, the first few of them.
published = Table(
    "published",
    metadata,
    Column("month", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("definition_version", Integer, nullable=False),
    Column("rules_version", Integer, nullable=False),
    Column("figures", Json, nullable=False),
    Column("late", Json, nullable=False),
)

# What a published figure would be now, and why: one row each time that it changes.
restatements = Table(
    "restatements",
    metadata,
    _key(),
    Column("month", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("row", Json, nullable=False),
    Column("figure", Text, nullable=False),
    Column("old", Json),
    Column("new", Json),
    Column("cause", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_restatements_month", "month", "id"),
)

# How fast each vendor's account may be asked: everybody who asks moves `tat`, the moment (microseconds since 1970) at
# which the next request would be due if all came evenly (GCRA). strikes: how often lately the vendor found it too much;
# each makes the pace slower and the next rest longer. rests_until: nobody asks before.
budgets = Table(
    "budgets",
    metadata,
    Column("account", Text, primary_key=True),
    Column("tat", BigInteger, nullable=False, server_default="0"),
    Column("strikes", Integer, nullable=False, server_default="0"),
    Column("rests_until", Instant),
)

# What a person's consent gave, encrypted. generation: counts the pairs. claimed_until: somebody refreshes it until then.
# refused: why the vendor renews it no more.
tokens = Table(
    "tokens",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("expires_at", Instant),
    Column("refreshed_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("refused", Text),
)

# Secrets that the configuration names as { stored = "…" }, encrypted.
secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# Single values: the digest of the team's handles that the timelines were derived with, the code's definition version.
meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Json, nullable=False),
)
