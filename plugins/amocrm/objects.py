"""What do amoCRM's objects look like, as far as the hub reads them? Tolerant of every form they were seen in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias, TypeVar

from annotated_types import Gt, MinLen
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from hub.sdk import Malformed

M = TypeVar("M", bound="Object")

REACHABLE = frozenset({"PHONE", "EMAIL"})
"""Codes of the fields by which a client is reached; ids of fields differ from account to account."""


class OrNone:
    """Of a value that nothing hangs on: what cannot be read is as good as absent."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_default_schema(
            core_schema.nullable_schema(handler(source)), default=None, on_error="default"
        )


def _items(value: Any) -> Any:
    """PHP's empty array, null, and a list that became a map by numbers are all lists."""
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, dict) else []


def _reachable(value: Any) -> list[Any]:
    """An account may have a hundred fields; two kinds are read."""
    return [field for field in _items(value) if isinstance(field, dict) and field.get("field_code") in REACHABLE]


def _mapping(value: Any) -> Any:
    """Null and PHP's empty array are empty objects."""
    return value if isinstance(value, dict) else {}


Moment: TypeAlias = AwareDatetime
"""Unix seconds, as number or text."""
AnyMoment: TypeAlias = Annotated[Annotated[AwareDatetime, Gt(datetime.fromtimestamp(0, UTC))] | None, OrNone()]
"""A moment that may be missing; 0 is none."""
Id: TypeAlias = Annotated[Annotated[int, Gt(0)] | None, OrNone()]
"""Of another object; 0 means the robot, nobody, or nothing."""
Text: TypeAlias = Annotated[Annotated[str, MinLen(1)] | None, OrNone()]
Amount: TypeAlias = Annotated[float | None, OrNone()]
Count: TypeAlias = Annotated[int | None, OrNone()]


class Object(BaseModel):
    """Anything that amoCRM sends; unknown keys are nobody's business."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True, str_strip_whitespace=True)


class Value(Object):
    value: Any = None


class CustomField(Object):
    field_code: str
    values: Annotated[list[Value], BeforeValidator(_items)] = []


class Stub(Object):
    """An object embedded in another: little more than its id."""

    id: int


class Embedded(Object):
    contacts: Annotated[list[Stub], BeforeValidator(_items)] = []
    companies: Annotated[list[Stub], BeforeValidator(_items)] = []


class Link(Object):
    href: str


class Links(Object):
    itself: Link = Field(validation_alias="self")


class Added(Object):
    """What the hub added to an object because `parse` needs it and the object does not say it (`feeds.py`)."""

    pipeline: str | None = None
    stage: str | None = None
    currency: str | None = None
    restored_at: AnyMoment = None
    unsettled: bool = False
    removed: bool = False


class Item(Object):
    """What all objects of an account share."""

    id: int
    links: Annotated[Links | None, OrNone()] = Field(default=None, validation_alias="_links")
    hub: Annotated[Added, BeforeValidator(_mapping)] = Field(default=Added(), validation_alias="_hub")

    @property
    def site(self) -> str | None:
        """`https://vostok.amocrm.ru`: where a person opens it, from the object's own link."""
        site, api, _ = (self.links.itself.href if self.links else "").partition("/api/")
        return site if api else None


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
    custom_fields_values: Annotated[list[CustomField], BeforeValidator(_reachable)] = []


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
    duration: Count = None
    link: Text = None
    call_status: Count = None


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
    custom_fields_values: Annotated[list[CustomField], BeforeValidator(_reachable)] = []


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
