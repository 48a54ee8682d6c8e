"""What do amoCRM's objects look like, as far as the hub reads them? Tolerant of every form they were seen in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hub.sdk import Malformed

M = TypeVar("M", bound="Object")


def _items(value: Any) -> Any:
    """PHP's empty array, null, and a list that became a map by numbers are all lists."""
    if value is None or value == "":
        return []
    return list(value.values()) if isinstance(value, dict) else value


def _mapping(value: Any) -> Any:
    """Null and PHP's empty array are empty objects."""
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> Any:
    """Unix seconds, as number or text; 0, false and an empty text are no moment."""
    if value in (None, "", "0") or not value:
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValueError(f"{value!r} is no Unix time") from None


def _or_none(read: Callable[[Any], Any]) -> BeforeValidator:
    """A value that nothing hangs on: what cannot be read is as good as absent."""

    def read_or_none(value: Any) -> Any:
        try:
            return read(value)
        except (TypeError, ValueError):
            return None

    return BeforeValidator(read_or_none)


def _identity(value: Any) -> int | None:
    """The id of another object; 0 means the robot, nobody, or nothing."""
    return int(value) or None


Moment: TypeAlias = Annotated[datetime, BeforeValidator(_moment)]
AnyMoment: TypeAlias = Annotated[datetime | None, _or_none(_moment)]
Id: TypeAlias = Annotated[int | None, _or_none(_identity)]
Text: TypeAlias = Annotated[
    str | None, _or_none(lambda value: str(value).strip() or None if value is not None else None)
]
Amount: TypeAlias = Annotated[float | None, _or_none(float)]


class Object(BaseModel):
    """Anything that amoCRM sends; unknown keys are nobody's business."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Value(Object):
    value: Any = None


class CustomField(Object):
    field_code: Text = None
    values: Annotated[list[Value], BeforeValidator(_items)] = []


class Stub(Object):
    """An object embedded in another: little more than its id."""

    id: int


class Embedded(Object):
    contacts: Annotated[list[Stub], BeforeValidator(_items)] = []
    companies: Annotated[list[Stub], BeforeValidator(_items)] = []


class Link(Object):
    href: Text = None


class Links(Object):
    itself: Annotated[Link, BeforeValidator(_mapping)] = Field(default=Link(), validation_alias="self")


class Added(Object):
    """What the hub added to an object because `parse` needs it and the object does not say it (`streams.py`)."""

    pipeline: str | None = None
    stage: str | None = None
    currency: str | None = None
    restored_at: AnyMoment = None
    unsettled: bool = False
    removed: bool = False


class Item(Object):
    """What all objects of an account share."""

    id: int
    links: Annotated[Links, BeforeValidator(_mapping)] = Field(default=Links(), validation_alias="_links")
    hub: Annotated[Added, BeforeValidator(_mapping)] = Field(default=Added(), validation_alias="_hub")

    @property
    def site(self) -> str | None:
        """`https://vostok.amocrm.ru`: where a person opens it, from the object's own link."""
        address = self.links.itself.href or ""
        return address.partition("/api/")[0] or None if "/api/" in address else None


class Rights(Object):
    is_active: bool = True


class User(Item):
    name: str
    email: Text = None
    rights: Annotated[Rights, BeforeValidator(_mapping)] = Rights()


class Versioned(Item):
    updated_at: Moment
    created_at: AnyMoment = None
    responsible_user_id: Id = None
    is_deleted: bool = False


class Client(Versioned):
    """A contact or a company."""

    name: Text = None
    custom_fields_values: Annotated[list[CustomField], BeforeValidator(_items)] = []


class Trashed(Versioned):
    """A lead in the trash says no more than that."""


class Lead(Versioned):
    name: Text = None
    price: Amount = None
    status_id: int
    pipeline_id: Id = None
    closed_at: AnyMoment = None
    embedded: Annotated[Embedded, BeforeValidator(_mapping)] = Field(default=Embedded(), validation_alias="_embedded")


class Task(Versioned):
    text: Text = None
    entity_id: Id = None
    entity_type: Text = None
    is_completed: bool = False
    complete_till: AnyMoment = None


class CallParams(Object):
    phone: str
    uniq: Text = None
    duration: Annotated[int | None, _or_none(int)] = None
    link: Text = None
    call_status: Annotated[int | None, _or_none(int)] = None


class CallNote(Versioned):
    note_type: str
    created_at: Moment
    params: CallParams


class Event(Object):
    id: str
    type: str
    entity_id: int
    entity_type: str
    created_at: Moment
    value_before: Annotated[list[dict[str, Any]], BeforeValidator(_items)] = []
    value_after: Annotated[list[dict[str, Any]], BeforeValidator(_items)] = []


class Person(Object):
    """A contact inside an incoming lead: with its fields where the hub could read them, else a stub."""

    id: Id = None
    name: Text = None
    custom_fields_values: Annotated[list[CustomField], BeforeValidator(_items)] = []


class People(Object):
    contacts: Annotated[list[Person], BeforeValidator(_items)] = []


class Unsorted(Object):
    uid: str
    category: str
    created_at: Moment
    source_name: Text = None
    source_uid: Text = None
    metadata: Annotated[dict[str, Any], BeforeValidator(_mapping)] = {}
    embedded: Annotated[People, BeforeValidator(_mapping)] = Field(default=People(), validation_alias="_embedded")


def read(model: type[M], payload: Any) -> M:
    """The object, or Malformed with every reason."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors(include_url=False)
        )
        raise Malformed(f"not {model.__name__.lower()} as documented: {reasons}") from None
