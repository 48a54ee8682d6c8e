"""The only door for plugins: import everything a plugin needs from here."""

from hub.core.effects import (
    AddNote,
    AmendNotice,
    AmendTask,
    CallEffect,
    CloseTask,
    CreateLead,
    CreateTask,
    CrmEffect,
    Effect,
    LogCall,
    Notify,
)
from hub.core.effects import body as effect_json
from hub.core.handles import Handle, Number, canonical, read_number, same_line
from hub.core.records import (
    Call,
    Card,
    Change,
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
from hub.core.stitch import stitch
from hub.errors import AuthFailed, ConfigError, Forged, HubError, Malformed, NothingToDo, Rejected, Temporary, Throttled
from hub.sdk.connector import (
    Checked,
    Connector,
    Context,
    Limit,
    Login,
    Page,
    Push,
    Raw,
    Received,
    Refused,
    Reply,
    Sent,
    Stored,
    Stream,
    Tokens,
    WebhookRequest,
)
from hub.sdk.hooks import hookimpl, hookspec
from hub.sdk.host import Access, Host, Http

__all__ = [
    "Access", "AddNote", "AmendNotice", "AmendTask", "AuthFailed", "Call", "CallEffect", "Card", "Change", "Checked",
    "CloseTask", "ConfigError", "Connector", "Context", "CreateLead", "CreateTask", "CrmEffect", "Deal", "Effect",
    "Forged", "Gone", "Handle", "Host", "Http", "HubError", "Leg", "Limit", "LogCall", "Login", "Malformed", "Mark",
    "Meeting", "Member", "MemberRef", "Message", "NothingToDo", "Notify", "Number", "Page", "Presence", "Push", "Raw",
    "Received", "Record", "Refused", "Rejected", "Reply", "Sent", "Stored", "Stream", "Submission", "Target", "Task",
    "Temporary", "Throttled", "Tokens", "Transfer", "WebhookRequest", "WrongRecord", "canonical", "effect_json",
    "from_json", "hookimpl", "hookspec", "instant", "read_number", "same_line", "stitch", "to_json",
]
