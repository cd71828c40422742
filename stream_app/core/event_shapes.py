"""The only place where a public event is read and reduced the quick way: its model, compiled into a msgspec struct.

The models (`events`) stay the only definition. A struct made from one takes no value that the model does not take, and
writes what the model would write, byte for byte; wherever that is not sure it says so (None), and the model decides.
`evidence.event_digest` and `evidence.reduce_event` are the long way to the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Ge, Le, MaxLen
from msgspec import UNSET, Meta, UnsetType
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from stream_app.core.events import Event, ToolCall
from stream_app.core.identities import TRACE_SCHEME
from stream_app.core.instants import Instant, format_instant, is_canonical, parse_instant
from stream_app.core.model import Model
from stream_app.core.summaries import summarise
from stream_app.core.wire import Json, is_usual, write_checked

_ENCODER = msgspec.json.Encoder(order="deterministic")
_NEVER = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType
"""A field that no value fits: what the model would know by this name, the struct leaves to it."""
_WRITTEN_ONLY = ("argumentSummary", "argumentsSha256", "resultSummary", "resultSha256")
"""Fields of a reduced tool call that no producer can state."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """All that intake needs of a valid event."""

    source: str
    canonical_call_id: str | None
    aliases: dict[str, str]
    """Its `traceId` included."""
    digest: str
    """As `evidence.event_digest`."""
    document: bytes
    """As `evidence.reduce_event`, in JSON with sorted keys."""


class Shape:
    """One event type's struct, and what must be looked at after it is filled."""

    def __init__(self, model: type[Event]) -> None:
        self._struct = _struct_of(model)
        self._nullable = {
            info.alias or name
            for name, info in model.model_fields.items()
            if not info.is_required() and info.get_default() is None and info.default_factory is None
        }
        self._instants = [name for name, kind in _hints(model).items() if _inner(kind) == Instant]
        self._numbers = list(_numbers_in(model))
        self._tool = model is ToolCall

    def reduce(self, document: dict[str, Json]) -> Reduced | None:
        """The event in a document that `read_json` gave; None where the model must look at it."""
        if None in document.values():
            document = {
                name: value for name, value in document.items() if value is not None or name not in self._nullable
            }
        try:
            event: Any = msgspec.convert(document, self._struct)
            for name in self._instants:
                text = getattr(event, name)
                if isinstance(text, str) and not is_canonical(text):
                    setattr(event, name, format_instant(parse_instant(text)))
        except (msgspec.ValidationError, ValueError, OverflowError):
            return None
        aliases: dict[str, str] = event.aliases
        trace = event.trace_id
        if isinstance(trace, str):
            if aliases.get(TRACE_SCHEME, trace) != trace:
                return None
            aliases = {**aliases, TRACE_SCHEME: trace}
        if not all(_usual_at(event, path) for path in self._numbers):
            return None
        payloads = _take_payloads(event) if self._tool else []
        whole = _ENCODER.encode(event)
        if b":null" in whole:
            _drop_nulls(event)
            whole = _ENCODER.encode(event)
        digest = sha256(whole).hexdigest()
        if self._tool:
            whole = _without_payloads(event, payloads)
        canonical = event.canonical_call_id
        return Reduced(event.source, canonical if isinstance(canonical, str) else None, aliases, digest, whole)


def _hints(model: type[Model]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def _struct_of(model: type[Model]) -> type[msgspec.Struct]:
    """Fields in the order of their names in JSON; those that may be null are left out where they are."""
    fields: dict[str, tuple[str, Any, Any]] = {}
    for name, kind in _hints(model).items():
        info = model.model_fields[name]
        public = info.alias or name
        longest = [limit.max_length for limit in info.metadata if isinstance(limit, MaxLen)]
        compiled = Annotated[_compiled(kind), Meta(max_length=longest[0])] if longest else _compiled(kind)
        if info.is_required():
            fields[public] = (name, compiled, msgspec.NODEFAULT)
        elif info.default_factory is not None:
            made = info.get_default(call_default_factory=True, validated_data={})
            factory = _STRUCTS[type(made)] if isinstance(made, Model) else type(made)
            fields[public] = (name, compiled, msgspec.field(default_factory=factory))
        elif info.default is None:
            fields[public] = (name, compiled | UnsetType if compiled is not Any else Any, UNSET)
        else:
            fields[public] = (name, compiled, info.default)
        if name != public:
            fields.setdefault(name, (f"never_{name}", _NEVER, UNSET))
    if model is ToolCall:
        fields |= {public: (public, _NEVER, UNSET) for public in _WRITTEN_ONLY}
    made_of = [fields[public] for public in sorted(fields)]
    struct = msgspec.defstruct(
        model.__name__, made_of, kw_only=True, rename={field[0]: public for public, field in fields.items()}
    )
    _STRUCTS[model] = struct
    return struct


_STRUCTS: dict[type[Model], type[msgspec.Struct]] = {}


def _compiled(kind: Any) -> Any:
    """The type for msgspec that takes at most what this one of pydantic takes. Raises TypeError for one not known."""
    if kind == Instant:
        return str
    if kind is Any or kind in (str, int, float, bool):
        return kind
    if isinstance(kind, type) and issubclass(kind, Model):
        return _STRUCTS.get(kind) or _struct_of(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[_compiled(args[0]), _meta(args[1:])] if _bounds(args[1:]) else _compiled(args[0])
    if origin is Literal:
        return kind
    if origin in (Union, UnionType):
        made: Any = Union[tuple(arg if arg is NoneType else _compiled(arg) for arg in args)]  # noqa: UP007
        return made
    if origin is dict:
        return dict[_compiled(args[0]), _compiled(args[1])]  # type: ignore[misc]
    if origin is tuple and args[1:] == (...,):
        return tuple[_compiled(args[0]), ...]  # type: ignore[misc]
    raise TypeError(f"no struct can be made of {kind!r}")


def _bounds(metadata: tuple[Any, ...]) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for one in metadata:
        if isinstance(one, StringConstraints):
            bounds |= {"min_length": one.min_length, "max_length": one.max_length, "pattern": _pattern(one.pattern)}
        for limit in one.metadata if isinstance(one, FieldInfo) else (one,):
            if isinstance(limit, Ge):
                bounds["ge"] = limit.ge
            elif isinstance(limit, Le):
                bounds["le"] = limit.le
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _meta(metadata: tuple[Any, ...]) -> Meta:
    return Meta(**_bounds(metadata))


def _pattern(pattern: Any) -> str | None:
    """Pydantic's `$` is the end of the text; Python's may stand before a last line feed."""
    if pattern is None:
        return None
    text = str(pattern)
    if not text.startswith("^") or not text.endswith("$"):
        raise TypeError(f"a pattern must say where it begins and ends: {text!r}")
    return text[:-1] + r"\Z"


def _inner(kind: Any) -> Any:
    """The type itself of one that may be null."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (arg for arg in get_args(kind) if arg is not NoneType)
    return kind


def _plain(kind: Any) -> Any:
    """The same without its bounds."""
    inner = _inner(kind)
    return get_args(inner)[0] if get_origin(inner) is Annotated else inner


def _numbers_in(model: type[Model], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where floats stand, as attribute paths; inside of lists there must be none."""
    found = []
    for name, hint in _hints(model).items():
        plain = _plain(hint)
        if plain is float:
            found.append((*path, name))
        elif isinstance(plain, type) and issubclass(plain, Model):
            found += _numbers_in(plain, (*path, name))
        elif get_origin(plain) is tuple:
            item = _plain(get_args(plain)[0])
            if item is float or (isinstance(item, type) and issubclass(item, Model) and _numbers_in(item)):
                raise TypeError(f"{model.__name__}.{name} holds a list of numbers")
    return found


def _usual_at(event: Any, path: tuple[str, ...]) -> bool:
    value = event
    for name in path:
        if not isinstance(value, msgspec.Struct):
            return True
        value = getattr(value, name)
    return not isinstance(value, float) or is_usual(value)


def _take_payloads(event: Any) -> list[tuple[str, Json, bytes]]:
    """What a tool was given and gave back, each as canonical JSON, which takes its place in the event."""
    taken = []
    for name in ("arguments", "result"):
        payload = getattr(event, name)
        if payload is not UNSET and payload is not None:
            written = write_checked(payload)
            setattr(event, name, msgspec.Raw(written))
            taken.append((name, payload, written))
    return taken


def _without_payloads(event: Any, payloads: list[tuple[str, Json, bytes]]) -> bytes:
    for name, payload, written in payloads:
        setattr(event, name, UNSET)
        setattr(event, "argumentSummary" if name == "arguments" else "resultSummary", summarise(payload))
        setattr(event, f"{name}Sha256", sha256(written).hexdigest())
    if event.error is not UNSET:
        event.error = "present"
    return _ENCODER.encode(event)


def _drop_nulls(struct: Any) -> None:
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if value is None:
            setattr(struct, name, UNSET)
        elif isinstance(value, msgspec.Struct):
            _drop_nulls(value)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, msgspec.Struct):
                    _drop_nulls(item)
