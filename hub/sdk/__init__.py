"""The only door for plugins: import everything a plugin needs from here."""

from hub.core.effects import AmendNotice, Effect, Notify
from hub.core.handles import Handle, Number, canonical, read_number, same_line
from hub.core.records import (
    Call,
    Card,
    Deal,
    Gone,
    Leg,
    Mark,
    Meeting,
    Member,
    MemberRef,
    Message,
    Presence,
    Record,
    Submission,
    Target,
    Task,
    Transfer,
    WrongRecord,
    from_json,
    instant,
    to_json,
)
from hub.errors import AuthFailed, ConfigError, Forged, HubError, Malformed, Rejected, Temporary
from hub.sdk.connector import (
    Checked,
    Connector,
    Context,
    Fetch,
    Limit,
    Page,
    Push,
    Raw,
    Received,
    Refused,
    Reply,
    Sent,
    Stored,
    Stream,
    WebhookRequest,
)
from hub.sdk.hooks import hookimpl, hookspec
from hub.sdk.host import Host, Http

__all__ = [
    "AmendNotice", "AuthFailed", "Call", "Card", "Checked", "ConfigError", "Connector", "Context", "Deal", "Effect",
    "Fetch", "Forged", "Gone", "Handle", "Host", "Http", "HubError", "Leg", "Limit", "Malformed", "Mark", "Meeting",
    "Member", "MemberRef", "Message", "Notify", "Number", "Page", "Presence", "Push", "Raw", "Received", "Record",
    "Refused", "Rejected", "Reply", "Sent", "Stored", "Stream", "Submission", "Target", "Task", "Temporary",
    "Transfer", "WebhookRequest", "WrongRecord", "canonical", "from_json", "hookimpl", "hookspec", "instant",
    "read_number", "same_line", "to_json",
]
