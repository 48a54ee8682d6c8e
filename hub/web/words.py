"""How are the hub's own terms said to people (ui.md 4)? One table a term; pages translate what they take from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.core.effects import AddNote, CreateLead, CreateTask, Effect, LogCall
from hub.texts import N_

Table = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome as a pill: its tone, the cause in a word or two, and the cause in a sentence."""

    tone: str
    text: str
    because: str


OUTCOMES: Mapping[str, Verdict] = {
    "answered": Verdict("good", N_("answered"), ""),
    "callback_requested": Verdict("", N_("asked for a callback"), N_("pressed a key or a button for it")),
    "voicemail": Verdict("", N_("voicemail"), N_("left a message")),
    "self_served": Verdict("line", N_("not a miss"), N_("the menu gave a complete answer")),
    "failed_technical": Verdict("", N_("carrier failure"), N_("the call did not get through to us")),
    "abandoned_ivr": Verdict("", N_("left in the menu"), N_("did not get to a queue")),
    "no_staff": Verdict("", N_("nobody on duty"), N_("no telephone could ring")),
    "busy_declined": Verdict("", N_("all busy"), N_("every telephone was busy or declined")),
    "abandoned_wait": Verdict("", N_("hung up"), N_("waited, nobody took it")),
    "no_answer": Verdict("", N_("no answer"), N_("rang to the end")),
    "unknown_unanswered": Verdict("soon", N_("not answered"), N_("the source does not say why")),
    "blocked": Verdict("line", N_("blocked"), N_("on the block list")),
}
"""Inbound calls (metrics.md 2.2)."""

OURS: Mapping[str, Verdict] = {
    "answered": Verdict("good", N_("reached"), ""),
    "no_answer": Verdict("", N_("did not pick up"), N_("the client's phone rang")),
    "busy": Verdict("", N_("busy"), N_("the client was on the phone")),
    "failed": Verdict("", N_("did not get through"), N_("the carrier could not connect it")),
    "member_no_answer": Verdict("line", N_("no attempt"), N_("our own phone was not picked up")),
}
"""Outbound and internal calls."""

EXCLUDED: Mapping[str, Verdict] = {
    "short_abandon": Verdict("line", N_("short abandon"), N_("hung up at once – in no rate")),
    "ivr_short": Verdict("line", N_("left the menu at once"), N_("in no rate")),
    "internal": Verdict("line", N_("internal"), N_("between ourselves")),
    "test_number": Verdict("line", N_("test number"), N_("in no rate")),
    "blocked": Verdict("line", N_("blocked"), N_("on the block list")),
    "self_served": Verdict("line", N_("not a miss"), N_("the menu gave a complete answer")),
}
"""Why a call is in no rate (metrics.md 2.3)."""

FLAGS: Table = {
    "unverified": N_("answered by a number that is nobody's of the team"),
    "lost_in_transfer": N_("lost in a transfer"),
    "first_time_caller": N_("first call ever"),
    "gap_filled": N_("a gap was filled from the journal"),
    "gap_open": N_("seen only in part"),
    "clock_clamped": N_("the source's clock was wrong, corrected"),
    "returned_unhappy": N_("called again soon after we talked"),
    "by_other_group": N_("settled by another line group"),
}

BECAUSE: Table = {
    "taken": N_("took it"),
    "deal_owner": N_("owner of the deal"),
    "card_owner": N_("owner of the client"),
    "line_owner": N_("owner of the line"),
    "last_talk": N_("talked last with the client"),
    "last_human": N_("was talking with the client"),
    "duty": N_("on duty"),
    "head": N_("head of the group"),
}
"""Why it is somebody's turn (metrics.md 7)."""

KINDS: Mapping[str, tuple[str, str, str]] = {
    "missed_call": ("call", "missed", N_("Missed call")),
    "lost_in_transfer": ("call", "swap", N_("Lost in a transfer")),
    "awaiting_reply": ("msg", "chat", N_("Message")),
    "new_lead": ("lead", "form", N_("Lead")),
}
"""Kind of a case: class, icon, name."""

REASONS: Mapping[str, tuple[str, str]] = {
    "handled_offline": (N_("Settled elsewhere"), N_("own phone, a meeting – counted apart")),
    "wrong_number": (N_("Wrong number"), ""),
    "spam": (N_("Spam"), ""),
    "duplicate": (N_("Duplicate of another wait"), ""),
    "asked_not_to_call": (N_("Asked not to call"), ""),
}
"""Why a person closes a case (metrics.md 3.3): text and hint, in the order of the menu."""

RESOLUTIONS: Table = {
    "callback_reached": N_("called back"),
    "client_got_through": N_("the client got through"),
    "other_channel": N_("answered in another channel"),
    "exhausted": N_("attempts used up, not reached"),
    "closed_by_hand": N_("closed by hand"),
    "expired": N_("the time ran out"),
    "not_a_miss": N_("not a miss"),
    "merged": N_("joined another wait"),
    "no_callback_number": N_("number withheld, nowhere to call"),
    "replied": N_("answered"),
    "no_reply_needed": N_("no reply needed"),
    "bot_resolved": N_("the bot was enough"),
    "client_deleted": N_("the client took it back"),
}

STEPS: Table = {
    "0": N_("Opened"),
    "1": N_("Half of the time is used"),
    "2": N_("Four fifths of the time are used"),
    "3": N_("The time ran out"),
    "4": N_("As much time again"),
    "D": N_("Digest of the day"),
    "hand": N_("Handed over"),
}
"""The ladder (metrics.md 11.3)."""

STEP_STATES: Table = {
    "planned": N_("planned"),
    "held": N_("held until working hours"),
    "sending": N_("on its way"),
    "sent": N_("delivered"),
    "dropped": N_("no longer needed"),
    "suppressed": N_("not sent"),
    "history": N_("history: nobody is told"),
    "dead": N_("undelivered"),
    "unknown": N_("perhaps delivered"),
}

EFFECTS: Table = {
    "notify": N_("Notice"),
    "amend_notice": N_("Correction of a notice"),
    "digest": N_("Digest of the day"),
    "answer": N_("Answer to one of us"),
    "report": N_("Report by mail"),
    "create_task": N_("Task “Call back”"),
    "amend_task": N_("Change of the task"),
    "close_task": N_("Close the task"),
    "log_call": N_("Call in the card"),
    "add_note": N_("Note"),
    "create_lead": N_("Lead"),
    "send_message": N_("Message"),
    "originate": N_("Call to the client"),
}

WRITES: Mapping[type[Effect], tuple[str, str]] = {
    CreateTask: (N_("A task for each client who waits"), N_("closed by itself once the client was reached")),
    LogCall: (N_("Calls in the client's card"), N_("one call, one entry; whoever talked last answers for it")),
    CreateLead: (N_("A lead for a caller nobody knows"), N_("never a second one for the same number")),
    AddNote: (N_("A note where a client was lost in a transfer"), ""),
}
"""What a connection may write, told before it does; corrections go with what they correct."""

DELIVERY_STATES: Mapping[str, tuple[str, str]] = {
    "planned": ("", N_("waits")),
    "held": ("", N_("held until working hours")),
    "sending": ("accent", N_("on its way")),
    "sent": ("good", N_("delivered")),
    "dropped": ("line", N_("no longer needed")),
    "dead": ("late", N_("undelivered")),
    "unknown": ("soon", N_("perhaps delivered")),
}

LEGS: Table = {
    "queue": N_("Queue"),
    "menu": N_("Menu"),
    "announcement": N_("Announcement"),
    "voicemail": N_("Voicemail"),
    "bot": N_("Bot"),
    "hold": N_("On hold"),
    "client": N_("Client's phone"),
    "external": N_("Outside number"),
    "member": N_("Telephone"),
}

LEG_RESULTS: Table = {
    "answered": N_("answered"),
    "no_answer": N_("no answer"),
    "busy": N_("busy"),
    "declined": N_("declined"),
    "elsewhere": N_("a colleague took it"),
    "cancelled": N_("no answer"),
    "forwarded": N_("forwarded"),
    "failed": N_("failed"),
    "unreachable": N_("unreachable"),
    "timeout": N_("timed out"),
    "closed": N_("closed"),
}

HANGUP: Table = {
    "client": N_("the client hung up"),
    "member": N_("we hung up"),
    "system": N_("the system ended the call"),
}

CHANNELS: Table = {
    "email": N_("E-mail"),
    "sms": "SMS",
    "webchat": N_("Chat on the site"),
}
"""What belongs to no vendor; the others are called by their own name."""
