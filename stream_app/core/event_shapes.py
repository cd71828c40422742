"""The only place where a public event is read and reduced the quick way: its model, compiled into a msgspec struct.

The models (`events`) stay the only definition. A struct made from one takes no value that the model does not take, and
writes what the model would write, byte for byte; wherever that is not sure it says so (None), and the model decides.
`evidence.event_digest` and `evidence.reduce_event` are the long way to the same bytes.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Ge, Le, MaxLen
from msgspec import UNSET, Meta, UnsetType
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from stream_app.core.concealment import FIELD, PRIVATE_FIELDS, UNKEYED, Concealer, content_of
from stream_app.core.events import Event
from stream_app.core.evidence import shown
from stream_app.core.identities import TRACE_SCHEME, by_precedence
from stream_app.core.instants import Instant, format_instant, is_canonical, parse_instant
from stream_app.core.model import NO_CONTROLS, Model
from stream_app.core.wire import Json, is_usual, write_checked

_ENCODER = msgspec.json.Encoder(order="deterministic")
_NEVER = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType
"""A field that no value fits: what the model would know by this name, the struct leaves to it."""
_OF_TOOLS = ("argumentSummary", "argumentsSha256", "resultSummary", "resultSha256")
_WRITTEN_ONLY: dict[str, tuple[str, ...]] = {
    name: (FIELD, *_OF_TOOLS) if "result" in private else (FIELD,) for name, private in PRIVATE_FIELDS.items()
}
"""Fields of a reduced event that no producer can state."""


class Reduced(msgspec.Struct, frozen=True):
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
        self._struct = _Compiler(controls=True).struct(model)
        self._struct_of_clean = _Compiler(controls=False).struct(model)
        self._nullable = {
            info.alias or name
            for name, info in model.model_fields.items()
            if not info.is_required() and info.get_default() is None and info.default_factory is None
        }
        self._instants = [name for name, kind in _hints(model).items() if _inner(kind) == Instant]
        self._numbers = _numbers_in(model)
        self._private = tuple((public, _python_name(model, public)) for public in PRIVATE_FIELDS.get(model.TYPE, ()))

    def reduce(
        self, document: dict[str, Json], text: bytes, concealer: Concealer = UNKEYED, received_at: int = 0
    ) -> Reduced | None:
        """The event in a document that `read_json` gave of `text`; None where the model must look at it.

        `received_at` as in `evidence.reduce_event`.
        """
        if None in document.values():
            nulls = [name for name, value in document.items() if value is None and name in self._nullable]
            document = document.copy()
            for name in nulls:
                del document[name]
        try:
            event: Any = msgspec.convert(document, self._struct if _may_hold_controls(text) else self._struct_of_clean)
            for name in self._instants:
                moment = getattr(event, name)
                if isinstance(moment, str) and not is_canonical(moment):
                    setattr(event, name, format_instant(parse_instant(moment)))
        except (msgspec.ValidationError, ValueError, OverflowError):
            return None
        aliases: dict[str, str] = event.aliases
        trace = event.trace_id
        if isinstance(trace, str):
            if aliases.get(TRACE_SCHEME, trace) != trace:
                return None
            aliases = {**aliases, TRACE_SCHEME: trace}
        canonical = event.canonical_call_id if isinstance(event.canonical_call_id, str) else None
        if canonical is None and not aliases:
            return None
        for path, names in self._numbers:
            if not _usual_at(event, path, names):
                return None
        private = self._take_private(event)
        whole = _ENCODER.encode(event)
        if b":null" in whole:
            _drop_nulls(event)
            whole = _ENCODER.encode(event)
        digest = concealer.fingerprint(whole)
        if private:
            identity = canonical or next(iter(by_precedence(aliases)), "")
            whole = self._without(event, private, concealer, identity, received_at)
        return Reduced(event.source, canonical, aliases, digest, whole)

    def _take_private(self, event: Any) -> list[tuple[str, Json, bytes]]:
        """What is private, each as canonical JSON, which takes its place in the event."""
        taken = []
        for public, name in self._private:
            value = getattr(event, name)
            if value is not UNSET and value is not None:
                written = write_checked(value)
                setattr(event, name, msgspec.Raw(written))
                taken.append((public, value, written))
        return taken

    def _without(
        self, event: Any, private: list[tuple[str, Json, bytes]], concealer: Concealer, identity: str, at_ms: int
    ) -> bytes:
        names = dict(self._private)
        for public, value, written in private:
            setattr(event, names[public], UNSET)
            for name, text in shown(public, value, concealer.fingerprint(written)).items():
                setattr(event, name, text)
        content = content_of({public: (value, written) for public, value, written in private})
        concealed = None if content is None else concealer.conceal(identity, at_ms, content)
        if concealed is not None:
            setattr(event, FIELD, concealed)
        return _ENCODER.encode(event)


def _python_name(model: type[Model], public: str) -> str:
    return next(name for name, info in model.model_fields.items() if (info.alias or name) == public)


def _hints(model: type[Model]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def _may_hold_controls(text: bytes) -> bool:
    """Whether any string in this JSON may hold a control character: each but DEL needs an escape."""
    return b"\\" in text or b"\x7f" in text


class _Compiler:
    """Makes structs of models; without `controls` for documents that hold no control character anywhere."""

    def __init__(self, *, controls: bool) -> None:
        self._controls = controls
        self._structs: dict[type[Model], type[msgspec.Struct]] = {}

    def struct(self, model: type[Model]) -> type[msgspec.Struct]:
        """Fields in the order of their names in JSON; those that may be null are left out where they are."""
        if model in self._structs:
            return self._structs[model]
        fields: dict[str, tuple[str, Any, Any]] = {}
        for name, kind in _hints(model).items():
            info = model.model_fields[name]
            public = info.alias or name
            longest = [limit.max_length for limit in info.metadata if isinstance(limit, MaxLen)]
            compiled = self._compiled(kind)
            if longest:
                compiled = Annotated[compiled, Meta(max_length=longest[0])]
            if info.is_required():
                fields[public] = (name, compiled, msgspec.NODEFAULT)
            elif info.default_factory is not None:
                made = info.get_default(call_default_factory=True, validated_data={})
                factory = self.struct(type(made)) if isinstance(made, Model) else type(made)
                fields[public] = (name, compiled, msgspec.field(default_factory=factory))
            elif info.default is None:
                fields[public] = (name, compiled | UnsetType if compiled is not Any else Any, UNSET)
            else:
                fields[public] = (name, compiled, info.default)
            if name != public:
                fields.setdefault(name, (f"never_{name}", _NEVER, UNSET))
        if issubclass(model, Event):
            fields |= {public: (public, _NEVER, UNSET) for public in _WRITTEN_ONLY.get(model.TYPE, ())}
        ordered = [fields[public] for public in sorted(fields)]
        names = {field[0]: public for public, field in fields.items()}
        struct = self._structs[model] = msgspec.defstruct(model.__name__, ordered, kw_only=True, rename=names)
        return struct

    def _compiled(self, kind: Any) -> Any:
        """The type for msgspec that takes at most what this one of pydantic takes. Raises TypeError: not known."""
        if kind == Instant:
            return str
        if kind is Any or kind in (str, int, float, bool):
            return kind
        if isinstance(kind, type) and issubclass(kind, Model):
            return self.struct(kind)
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            bounds = self._bounds(args[1:])
            return Annotated[self._compiled(args[0]), Meta(**bounds)] if bounds else self._compiled(args[0])
        if origin is Literal:
            return kind
        if origin in (Union, UnionType):
            made: Any = Union[tuple(arg if arg is NoneType else self._compiled(arg) for arg in args)]  # noqa: UP007
            return made
        if origin is dict:
            return dict[self._compiled(args[0]), self._compiled(args[1])]  # type: ignore[misc]
        if origin is tuple and args[1:] == (...,):
            return tuple[self._compiled(args[0]), ...]  # type: ignore[misc]
        raise TypeError(f"no struct can be made of {kind!r}")

    def _bounds(self, metadata: tuple[Any, ...]) -> dict[str, Any]:
        bounds: dict[str, Any] = {}
        for one in metadata:
            if isinstance(one, StringConstraints):
                bounds |= {"min_length": one.min_length, "max_length": one.max_length, "pattern": one.pattern}
            for limit in one.metadata if isinstance(one, FieldInfo) else (one,):
                if isinstance(limit, Ge):
                    bounds["ge"] = limit.ge
                elif isinstance(limit, Le):
                    bounds["le"] = limit.le
        if bounds.get("pattern") == NO_CONTROLS and not self._controls:
            del bounds["pattern"]
        elif bounds.get("pattern") is not None:
            bounds["pattern"] = _pattern(bounds["pattern"])
        return {name: bound for name, bound in bounds.items() if bound is not None}


def _pattern(pattern: Any) -> str:
    """Pydantic's `$` is the end of the text; Python's may stand before a last line feed."""
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


_Numbers = list[tuple[tuple[str, ...], tuple[str, ...]]]


def _numbers_in(model: type[Model], path: tuple[str, ...] = ()) -> _Numbers:
    """Where floats stand: (path of the model, their names); inside of lists there must be none."""
    names: list[str] = []
    below: _Numbers = []
    for name, hint in _hints(model).items():
        plain = _plain(hint)
        if plain is float:
            names.append(name)
        elif isinstance(plain, type) and issubclass(plain, Model):
            below += _numbers_in(plain, (*path, name))
        elif get_origin(plain) is tuple:
            item = _plain(get_args(plain)[0])
            if item is float or (isinstance(item, type) and issubclass(item, Model) and _numbers_in(item)):
                raise TypeError(f"{model.__name__}.{name} holds a list of numbers")
    return [(path, tuple(names)), *below] if names else below


def _usual_at(event: Any, path: tuple[str, ...], names: tuple[str, ...]) -> bool:
    place = event
    for name in path:
        place = getattr(place, name)
        if place is UNSET or place is None:
            return True
    for name in names:
        number = getattr(place, name)
        if isinstance(number, float) and not is_usual(number):
            return False
    return True


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
