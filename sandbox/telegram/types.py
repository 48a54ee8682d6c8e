"""Which words do all parts of the pretend Telegram share?"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DAY = 86_400

GROUPS = {"group", "supergroup"}

MESSAGES = frozenset({
    "message", "edited_message", "channel_post", "edited_channel_post", "business_message", "edited_business_message",
})  # fmt: skip
"""Kinds of updates that are a message."""

SELDOM = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that come only to who asks for them by name."""

KINDS = MESSAGES | SELDOM | {
    "business_connection", "deleted_business_messages", "inline_query", "chosen_inline_result", "callback_query",
    "shipping_query", "pre_checkout_query", "purchased_paid_media", "poll", "poll_answer", "my_chat_member",
    "chat_join_request", "chat_boost", "removed_chat_boost", "guest_message", "managed_bot", "subscription",
}  # fmt: skip
"""All that can be asked for by name; a raw update may be of any kind."""
