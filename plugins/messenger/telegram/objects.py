"""What of the vendor's objects does the hub read? Everything else in them is left alone, and so is what is new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.sdk import Handle, Malformed, Stored
from plugins.messenger.telegram.items import LAST_SECOND

Content: TypeAlias = Literal["text", "voice", "photo", "file", "sticker", "location", "contact"]

CONTENTS: Mapping[str, Content] = {
    "text": "text",
    "photo": "photo",
    "paid_media": "photo",
    "voice": "voice",
    "video_note": "voice",
    "animation": "file",
    "audio": "file",
    "document": "file",
    "video": "file",
    "story": "file",
    "sticker": "sticker",
    "dice": "sticker",
    "contact": "contact",
    "venue": "location",
    "location": "location",
    "poll": "text",
    "checklist": "text",
    "game": "text",
    "invoice": "text",
    "web_app_data": "text",
    "successful_payment": "text",
    "gift": "text",
    "unique_gift": "text",
    "users_shared": "contact",
    "chat_shared": "contact",
}
"""By which key a person says something, and what it is. A message with none of them is the vendor's own: a pinned message, a
new member. `animation` and `venue` come beside `document` and `location`, so that the first one found counts."""


class _Object(BaseModel):
    model_config = ConfigDict(frozen=True)


Seconds = Annotated[int, Field(ge=0, lt=LAST_SECOND)]
"""An instant, in whole seconds since 1970."""


def handle(number: int) -> Handle:
    """How a person or a group is addressed."""
    return Handle(f"telegram:{number}")


def moment(seconds: int) -> datetime:
    """The instant that such a number is."""
    return datetime.fromtimestamp(seconds, UTC)


class User(_Object):
    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""


class Chat(_Object):
    """A private chat has the number and the name of who talks with us there; groups have titles."""

    id: int
    type: str = "private"
    title: str = ""
    first_name: str = ""
    last_name: str = ""
    username: str = ""

    @property
    def is_private(self) -> bool:
        return self.type == "private"

    @property
    def name(self) -> str | None:
        """What the person or the group is called."""
        return self.title or " ".join(filter(None, (self.first_name, self.last_name))) or None


class Named(_Object):
    """What is said to be in a poll, a list or a place: its words."""

    question: str = ""
    title: str = ""
    data: str = ""

    @property
    def words(self) -> str:
        return self.question or self.title or self.data


class Message(_Object):
    message_id: int
    date: Seconds
    chat: Chat
    from_: User | None = Field(None, alias="from")
    sender_chat: Chat | None = None
    sender_business_bot: User | None = None
    edit_date: Seconds | None = None
    business_connection_id: str | None = None
    message_thread_id: int | None = None
    is_topic_message: bool = False
    is_automatic_forward: bool = False
    is_from_offline: bool = False
    text: str = ""
    caption: str = ""
    poll: Named | None = None
    venue: Named | None = None
    game: Named | None = None
    web_app_data: Named | None = None
    content: Content | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_content(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {**given, "content": next((content for key, content in CONTENTS.items() if key in given), None)}

    @property
    def words(self) -> str | None:
        """What can be read of it."""
        told = next((item.words for item in (self.poll, self.venue, self.game, self.web_app_data) if item), "")
        return self.text or self.caption or told or None

    @property
    def version(self) -> int:
        """Which of two that tell of the same message is the newer one."""
        return self.edit_date or 0


class BusinessConnection(_Object):
    id: str = Field(min_length=1)
    user: User
    date: Seconds
    is_enabled: bool = True


class Deleted(_Object):
    chat: Chat
    business_connection_id: str


class Emoji(_Object):
    type: str = ""
    emoji: str = ""

    @property
    def sign(self) -> str:
        """Its character; of a picture that somebody drew there is only its number."""
        return self.emoji or f"({self.type})"


class Reaction(_Object):
    chat: Chat
    message_id: int
    user: User | None = None
    actor_chat: Chat | None = None
    date: Seconds
    new_reaction: tuple[Emoji, ...] = ()


class Pressed(_Object):
    """Where a button stood; of an old message (`date` 0) the vendor tells no more than this."""

    message_id: int
    chat: Chat


class CallbackQuery(_Object):
    id: str = Field(min_length=1)
    from_: User = Field(alias="from")
    message: Pressed | None = None
    data: str = ""


class Update(_Object):
    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    business_message: Message | None = None
    edited_business_message: Message | None = None
    business_connection: BusinessConnection | None = None
    deleted_business_messages: Deleted | None = None
    message_reaction: Reaction | None = None
    callback_query: CallbackQuery | None = None

    @property
    def said(self) -> Message | None:
        """The message that it brings, new or edited."""
        return self.message or self.edited_message or self.business_message or self.edited_business_message


class Told(_Object):
    """An item of kind `update`, as `items.raws` makes it.

    line: the bot's. owner: number of the manager whose own account it is of, where that is known. message_id: which one
    was deleted.
    """

    update: Update
    line: str | None = None
    owner: int | None = None
    message_id: int | None = None
    received_at: datetime


class Met(_Object):
    """An item of kind `chat`: who talks there, as of that day."""

    on: date
    chat: Chat
    phone: str | None = None
    moved: int | None = None


M = TypeVar("M", bound=BaseModel)


def read(model: type[M], item: Stored) -> M:
    """What an item holds, or Malformed with every reason."""
    payload = item.payload if isinstance(item.payload, dict) else {}
    try:
        return model.model_validate({**payload, "received_at": item.received_at})
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors(include_url=False)
        )
        raise Malformed(f"not {model.__name__.lower()} as documented: {reasons}") from None
