"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("tat", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("strikes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rests_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_budgets")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("line_group", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("merged_into", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("taken", sa.LargeBinary(), nullable=False),
        sa.Column("row", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_closed_at", "cases", ["closed_at"], unique=False)
    op.create_index("ix_cases_contact_id", "cases", ["contact_id", "started_at"], unique=False)
    op.create_index("ix_cases_key", "cases", ["key"], unique=False)
    op.create_index(
        "ix_cases_open",
        "cases",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_cases_opened_at", "cases", ["opened_at", "id"], unique=False)
    op.create_table(
        "channels",
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("handle", name=op.f("pk_channels")),
    )
    op.create_table(
        "connections",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("live_since", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("clock_offset", sa.Integer(), server_default="0", nullable=False),
        sa.Column("carries", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connections")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("wake_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_from", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("rest_until", sa.BigInteger(), nullable=True),
        sa.Column("merged_into", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(
        "ix_contacts_due",
        "contacts",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_contacts_wake",
        "contacts",
        ["wake_at"],
        unique=False,
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_table(
        "drafts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("seat", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
        sa.UniqueConstraint("state", name=op.f("uq_drafts_state")),
    )
    op.create_table(
        "gaps",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "kind", "since", name=op.f("pk_gaps")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "group_aliases",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "key", name=op.f("pk_group_aliases")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_group_aliases_root", "group_aliases", ["connection", "root"], unique=False)
    op.create_table(
        "handles",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handles")),
        sa.UniqueConstraint("value", name=op.f("uq_handles_value")),
    )
    op.create_index(op.f("ix_handles_contact_id"), "handles", ["contact_id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("group_key", sa.Text(), nullable=True),
        sa.Column("joins", sa.LargeBinary(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("as_live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("clock_offset", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="new", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_dead",
        "inbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_inbox_group",
        "inbox",
        ["connection", "group_key"],
        unique=False,
        sqlite_where=sa.text("group_key IS NOT NULL"),
        postgresql_where=sa.text("group_key IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_kept",
        "inbox",
        ["connection", "kind", "item", "digest"],
        unique=True,
        sqlite_where=sa.text("state <> 'dead'"),
        postgresql_where=sa.text("state <> 'dead'"),
    )
    op.create_index(
        "ix_inbox_new",
        "inbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False)
    op.create_table(
        "invites",
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_invites")),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("connection", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="planned", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("vendor_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("deal", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("told_with", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index(op.f("ix_outbox_case_id"), "outbox", ["case_id"], unique=False)
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_outbox_recipient", "outbox", ["recipient", "settled_at"], unique=False)
    op.create_index(op.f("ix_outbox_told_with"), "outbox", ["told_with"], unique=False)
    op.create_index("ix_outbox_vendor_id", "outbox", ["vendor_id", "connection"], unique=False)
    op.create_table(
        "packs",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("items", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "root", name=op.f("pk_packs")),
    )
    op.create_index("ix_packs_received_at", "packs", ["received_at"], unique=False)
    op.create_table(
        "published",
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("definition_version", sa.Integer(), nullable=False),
        sa.Column("rules_version", sa.Integer(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.Column("late", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_published")),
    )
    op.create_table(
        "pulses",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "kind", "hour", name=op.f("pk_pulses")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "repairs",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_repairs")),
    )
    op.create_table(
        "restatements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("row", sa.LargeBinary(), nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("old", sa.LargeBinary(), nullable=True),
        sa.Column("new", sa.LargeBinary(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restatements")),
    )
    op.create_index("ix_restatements_month", "restatements", ["month", "id"], unique=False)
    op.create_table(
        "rules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("active_from", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_rules")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "streams",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor", sa.LargeBinary(), nullable=True),
        sa.Column("complete_until", sa.BigInteger(), nullable=True),
        sa.Column("pulled_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_streams")),
    )
    op.create_table(
        "tokens",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("refreshed_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_tokens")),
    )
    op.create_table(
        "records",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("tie_at", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("handle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("inbound", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("as_live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("clamped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("unfinished", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["handle_id"], ["handles.id"], name=op.f("fk_records_handle_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("connection", "kind", "source_id", name=op.f("uq_records_connection_kind_source_id")),
    )
    op.create_index(
        "ix_records_at",
        "records",
        ["kind", "at"],
        unique=False,
        sqlite_where=sa.text("at IS NOT NULL"),
        postgresql_where=sa.text("at IS NOT NULL"),
    )
    op.create_index(
        "ix_records_contact_id",
        "records",
        ["contact_id"],
        unique=False,
        sqlite_where=sa.text("contact_id IS NOT NULL"),
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index(
        "ix_records_first_inbound",
        "records",
        ["handle_id", "at"],
        unique=False,
        sqlite_where=sa.text("inbound"),
        postgresql_where=sa.text("inbound"),
    )
    op.create_index(
        "ix_records_handle_id",
        "records",
        ["handle_id", "at"],
        unique=False,
        sqlite_where=sa.text("handle_id IS NOT NULL"),
        postgresql_where=sa.text("handle_id IS NOT NULL"),
    )
    op.create_index(
        "ix_records_root",
        "records",
        ["connection", "root"],
        unique=False,
        sqlite_where=sa.text("root IS NOT NULL"),
        postgresql_where=sa.text("root IS NOT NULL"),
    )
    op.create_index(
        "ix_records_target",
        "records",
        ["target"],
        unique=False,
        sqlite_where=sa.text("target IS NOT NULL"),
        postgresql_where=sa.text("target IS NOT NULL"),
    )
    op.create_index(
        "ix_records_unfinished",
        "records",
        ["kind"],
        unique=False,
        sqlite_where=sa.text("unfinished = 1"),
        postgresql_where=sa.text("unfinished"),
    )
    op.create_table(
        "calls",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("missed", sa.Boolean(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=True),
        sa.Column("line_group", sa.Text(), nullable=True),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("told", sa.LargeBinary(), nullable=True),
        sa.Column("row", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_calls_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_contact_id", "calls", ["contact_id", "started_at"], unique=False)
    op.create_index(
        "ix_calls_running",
        "calls",
        ["started_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_calls_started_at", "calls", ["started_at", "record_id"], unique=False)
    op.create_table(
        "deal_cards",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_deal_cards_record_id")),
        sa.PrimaryKeyConstraint("record_id", "connection", "card", name=op.f("pk_deal_cards")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_deal_cards_card", "deal_cards", ["connection", "card"], unique=False)
    op.create_table(
        "offers",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("share", sa.Integer(), server_default="100", nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_offers_record_id")),
        sa.PrimaryKeyConstraint("record_id", "member", "at", name=op.f("pk_offers")),
    )
    op.create_index("ix_offers_at", "offers", ["at"], unique=False)
    op.create_index("ix_offers_member", "offers", ["member", "at"], unique=False)
    op.create_table(
        "record_handles",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("handle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["handle_id"], ["handles.id"], name=op.f("fk_record_handles_handle_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_record_handles_record_id")),
        sa.PrimaryKeyConstraint("record_id", "handle_id", name=op.f("pk_record_handles")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_record_handles_handle_id", "record_handles", ["handle_id"], unique=False)
    op.create_table(
        "versions",
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_versions_record_id")),
        sa.PrimaryKeyConstraint("record_id", "digest", name=op.f("pk_versions")),
    )


def downgrade() -> None:
    op.drop_table("versions")
    op.drop_index("ix_record_handles_handle_id", table_name="record_handles")
    op.drop_table("record_handles")
    op.drop_index("ix_offers_member", table_name="offers")
    op.drop_index("ix_offers_at", table_name="offers")
    op.drop_table("offers")
    op.drop_index("ix_deal_cards_card", table_name="deal_cards")
    op.drop_table("deal_cards")
    op.drop_index("ix_calls_started_at", table_name="calls")
    op.drop_index(
        "ix_calls_running",
        table_name="calls",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_calls_contact_id", table_name="calls")
    op.drop_table("calls")
    op.drop_index(
        "ix_records_unfinished",
        table_name="records",
        sqlite_where=sa.text("unfinished = 1"),
        postgresql_where=sa.text("unfinished"),
    )
    op.drop_index(
        "ix_records_target",
        table_name="records",
        sqlite_where=sa.text("target IS NOT NULL"),
        postgresql_where=sa.text("target IS NOT NULL"),
    )
    op.drop_index(
        "ix_records_root",
        table_name="records",
        sqlite_where=sa.text("root IS NOT NULL"),
        postgresql_where=sa.text("root IS NOT NULL"),
    )
    op.drop_index(
        "ix_records_handle_id",
        table_name="records",
        sqlite_where=sa.text("handle_id IS NOT NULL"),
        postgresql_where=sa.text("handle_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_records_first_inbound",
        table_name="records",
        sqlite_where=sa.text("inbound"),
        postgresql_where=sa.text("inbound"),
    )
    op.drop_index(
        "ix_records_contact_id",
        table_name="records",
        sqlite_where=sa.text("contact_id IS NOT NULL"),
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_records_at",
        table_name="records",
        sqlite_where=sa.text("at IS NOT NULL"),
        postgresql_where=sa.text("at IS NOT NULL"),
    )
    op.drop_table("records")
    op.drop_table("tokens")
    op.drop_table("streams")
    op.drop_table("secrets")
    op.drop_table("rules")
    op.drop_index("ix_restatements_month", table_name="restatements")
    op.drop_table("restatements")
    op.drop_table("repairs")
    op.drop_table("pulses")
    op.drop_table("published")
    op.drop_index("ix_packs_received_at", table_name="packs")
    op.drop_table("packs")
    op.drop_index("ix_outbox_vendor_id", table_name="outbox")
    op.drop_index(op.f("ix_outbox_told_with"), table_name="outbox")
    op.drop_index("ix_outbox_recipient", table_name="outbox")
    op.drop_index(
        "ix_outbox_due",
        table_name="outbox",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_index(op.f("ix_outbox_case_id"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("meta")
    op.drop_table("invites")
    op.drop_index("ix_inbox_received_at", table_name="inbox")
    op.drop_index(
        "ix_inbox_new",
        table_name="inbox",
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    )
    op.drop_index(
        "ix_inbox_kept",
        table_name="inbox",
        sqlite_where=sa.text("state <> 'dead'"),
        postgresql_where=sa.text("state <> 'dead'"),
    )
    op.drop_index(
        "ix_inbox_group",
        table_name="inbox",
        sqlite_where=sa.text("group_key IS NOT NULL"),
        postgresql_where=sa.text("group_key IS NOT NULL"),
    )
    op.drop_index(
        "ix_inbox_dead",
        table_name="inbox",
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.drop_table("inbox")
    op.drop_index(op.f("ix_handles_contact_id"), table_name="handles")
    op.drop_table("handles")
    op.drop_index("ix_group_aliases_root", table_name="group_aliases")
    op.drop_table("group_aliases")
    op.drop_table("gaps")
    op.drop_table("drafts")
    op.drop_index(
        "ix_contacts_wake",
        table_name="contacts",
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_contacts_due",
        table_name="contacts",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_table("contacts")
    op.drop_table("connections")
    op.drop_table("channels")
    op.drop_index("ix_cases_opened_at", table_name="cases")
    op.drop_index(
        "ix_cases_open",
        table_name="cases",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index("ix_cases_key", table_name="cases")
    op.drop_index("ix_cases_contact_id", table_name="cases")
    op.drop_index("ix_cases_closed_at", table_name="cases")
    op.drop_table("cases")
    op.drop_table("budgets")
