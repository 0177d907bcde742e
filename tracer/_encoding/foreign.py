"""Objects unknown to JSON, converted by one step, without making them do any work.

An object is known by its type alone: ``isinstance`` and ``getattr`` ask a proxy for the object behind it, which may be
a query of a database. A ``repr`` is only asked for where it shows values that the object already has.
"""

from __future__ import annotations

import array
import base64
import collections
import dataclasses
import functools
import math
import os
import sys
import types
import uuid
import weakref
from collections.abc import Callable, Collection, ItemsView, Iterable, KeysView, Mapping, Set, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from tracer._encoding.media import media_type
from tracer._encoding.text import cut_text, text_of
from tracer._fault import reraise_interruption

REPR_LIMIT = 10_000
MEDIA_LIMIT = 1 << 25  # bytes
BYTES_LIMIT = 1 << 16
_FIRST_ITEMS = 200
_FIRST_ROWS = 50
_FIRST_COLUMNS = 20
_ARRAY_COST = 4
_SENTINEL_TYPES = frozenset({"NotGiven", "Omit", "PydanticUndefinedType", "UnsetType", "NAType"})
_LAZY_METHODS = ("__iter__", "__len__", "__getitem__", "__getattr__", "__getattribute__", "__await__")
_STANDARD_MODULES = sys.stdlib_module_names
_SHOW_RESULTS = frozenset({"asyncio", "_asyncio", "unittest"})  # of futures, the items of queues, mocks
_LAZY_LIBRARIES = frozenset({"polars"})

T = TypeVar("T")
_Step: TypeAlias = Callable[[Any], object]

# facts about a class, by its id as long as the class exists
_steps: dict[int, _Step] = {}
_may_be_asked: dict[int, bool] = {}
_plain_dataclasses: dict[int, bool] = {}
_costs: dict[int, int] = {}


def one_step(value: Any) -> object:
    """A value unknown to JSON converted by one step; its parts may need steps of their own."""
    kind = type(value)
    return (_steps.get(id(kind)) or _remembered_step(kind))(value)


def _remembered_step(kind: type) -> _Step:
    step = _steps.get(id(kind))
    return _remember(_steps, kind, _step_of(kind)) if step is None else step


def is_plain_dataclass(kind: type) -> bool:
    """Whether the values of this type are their fields and no more, as orjson would encode them."""
    known = _plain_dataclasses.get(id(kind))
    if known is None:
        known = (
            "__dataclass_fields__" in vars(kind)
            and _has("__dict__")(kind)
            and not (
                _loads_attributes(kind)
                or getattr(kind, "leaves_out_none", False)
                or _has("__pydantic_fields_set__")(kind)
            )
        )
        _remember(_plain_dataclasses, kind, known)
    return known


def _remember(known: dict[int, T], kind: type, value: T) -> T:
    known[id(kind)] = value
    weakref.finalize(kind, known.pop, id(kind), None).atexit = False
    return value


def is_array(kind: type) -> bool:
    """Whether values of this type are numpy's arrays."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, getattr(numpy, "ndarray", ()))


def is_numpy_scalar(kind: type) -> bool:
    """Whether values of this type are numbers, texts or times of numpy's."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, getattr(numpy, "generic", ()))


def is_numpy_number(kind: type) -> bool:
    """Whether values of this type are numbers of numpy's."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, getattr(numpy, "number", ()))


def is_finite(value: Any) -> bool:
    """Whether a scalar of numpy's is no NaN, no infinity and no "not a time"."""
    kind, numpy = value.dtype.kind, sys.modules["numpy"]
    if kind in "mM":
        return not numpy.isnat(value)
    return kind != "f" or math.isfinite(value)


def repr_of(value: object) -> str:
    """The object's ``repr``, or its class where that would make it work."""
    kind = type(value)
    if not _shows_what_it_has(kind):
        return class_name(kind)
    try:
        return cut_text(repr(value), REPR_LIMIT)
    except Exception as error:
        reraise_interruption(error)
        return f"<{kind.__module__}.{kind.__qualname__}: its repr raised {type(error).__name__}>"


def text_of_object(value: object) -> str:
    """The object's ``str()``, or its class where that would make it work."""
    kind = type(value)
    is_lazy = not (_is_standard(_owner(kind, "__str__")) or _has_standard_access(kind))
    return class_name(kind) if is_lazy or not _shows_what_it_has(kind) else text_of(value)


def has_no_parts(kind: type) -> bool:
    """Whether values of this type are recorded by their ``repr``, or their class."""
    return _remembered_step(kind) is repr_of


def class_name(kind: type) -> str:
    """An object that is recorded by its class alone."""
    return f"<{kind.__module__}.{kind.__qualname__}>"


def _step_of(kind: type) -> _Step:
    if _has("__pydantic_fields_set__")(kind):
        return _fields_of
    if _has("__fields_set__")(kind):
        return _fields_of_v1
    known = next((step for is_such, step in _KINDS if is_such(kind)), None)
    return _step_of_fields(kind) or known or _library_step(kind) or repr_of


def _library_step(kind: type) -> _Step | None:
    """Tables, series and tensors of libraries that the program has loaded."""
    for name, class_of, step in _LIBRARIES:
        known = getattr(sys.modules.get(name), class_of, None)
        if isinstance(known, type) and issubclass(kind, known):
            return step
    return None


def steps_of(kind: type) -> int:
    """Cost of converting an object, in steps that read a few fields; 0 where orjson encodes it itself."""
    known = _costs.get(id(kind))
    if known is None:
        cost = 0 if is_native(kind) else _ARRAY_COST if is_array(kind) else _LIBRARY_COSTS.get(_library_step(kind), 1)
        known = _remember(_costs, kind, cost)
    return known


def is_native(kind: type) -> bool:
    """Whether orjson supports the type, and its values contain no others."""
    return kind in (datetime, date, time, uuid.UUID) or issubclass(kind, Enum) or is_numpy_scalar(kind)


def _has(name: str) -> Callable[[type], bool]:
    return lambda kind: any(name in vars(base) for base in kind.__mro__)


def _is(*kinds: type) -> Callable[[type], bool]:
    return lambda kind: issubclass(kind, kinds)


def _is_in_memory(*kinds: type) -> Callable[[type], bool]:
    """Subclasses that do not evaluate themselves, nor read their content from an open file or connection."""
    return lambda kind: issubclass(kind, kinds) and _shows_what_it_has(kind) and not _has("close")(kind)


def _fields_of(value: Any) -> object:
    """A pydantic model's fields, without a serialiser's warnings; unset fields that are None are left out."""
    fields_set = value.__pydantic_fields_set__
    fields = {k: v for k, v in value.__dict__.items() if (v is not None or k in fields_set)}
    extra = value.__pydantic_extra__
    return {**fields, **extra} if extra else fields


def _fields_of_v1(value: Any) -> object:
    fields_set = value.__fields_set__
    return {k: v for k, v in value.__dict__.items() if (v is not None or k in fields_set)}


def _step_of_fields(kind: Any) -> _Step | None:
    """A dataclass, a msgspec struct or an attrs class as its fields."""
    if _has("__dataclass_fields__")(kind):
        names = [field.name for field in dataclasses.fields(kind) if not field.name.startswith("_")]
    elif _has("__struct_fields__")(kind):
        names = list(kind.__struct_fields__)
    elif _has("__attrs_attrs__")(kind):
        names = [field.name for field in kind.__attrs_attrs__]
    else:
        return None
    if _loads_attributes(kind):  # such as a row of a database: the values loaded so far are in its dict
        return lambda value: {name: value.__dict__[name] for name in names if name in value.__dict__}
    if getattr(kind, "leaves_out_none", False):
        return lambda value: {name: field for name in names if (field := getattr(value, name, None)) is not None}
    return lambda value: {name: getattr(value, name, None) for name in names}


def bytes_left_out(value: bytes | bytearray | memoryview) -> int:
    """The size of bytes that are not recorded: large ones of no known media type. 0 of others."""
    size = memoryview(value).nbytes
    is_kept = size <= BYTES_LIMIT or (size <= MEDIA_LIMIT and media_type(bytes(value[:16])) is not None)
    return 0 if is_kept else size


def _bytes(value: bytes | bytearray | memoryview) -> object:
    """ASCII text as Python's literal, which can be read and redacted; other bytes as a data URL."""
    size = bytes_left_out(value)
    if size:
        return f"[left out: {size} bytes]"
    content = bytes(value)
    if len(content) <= REPR_LIMIT and content.isascii() and content.decode("ascii").replace("\n", "").isprintable():
        return repr(content)
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def _exception(value: BaseException) -> object:
    return {"type": type(value).__qualname__, "message": text_of(value)}


def _class_or_function(value: Any) -> object:
    return f"{value.__module__}.{value.__qualname__}"


def _bound_method(value: types.MethodType) -> object:
    return f"<bound method {getattr(value, '__qualname__', value.__func__)}>"  # its repr asks for that of its object


def _partial(value: functools.partial[Any]) -> object:
    return {"function": value.func, "args": value.args, "keywords": value.keywords}


def _array(value: Any) -> object:
    if value.dtype.kind in "mM":  # times, also "not a time"
        value = value.astype(str)
    return value.tolist()


def _first(items: Iterable[object], count: int, size: int) -> list[object]:
    kept = list(islice(items, count))
    return [*kept, f"[cut: {size - count} more items]"] if size > count else kept


def _mapping(value: Mapping[Any, object]) -> object:
    kept = dict(islice(value.items(), _FIRST_ITEMS))
    return {**kept, "[cut]": f"{len(value) - len(kept)} more entries"} if len(value) > _FIRST_ITEMS else kept


def _chain_map(value: collections.ChainMap[Any, object]) -> object:
    """The first entries of each of its dicts: to count the entries that it shows takes all of them."""
    kept: dict[Any, object] = {}
    for part in value.maps:
        for key, item in islice(part.items(), _FIRST_ITEMS):
            kept.setdefault(key, item)
    left_out = sum(max(len(part) - _FIRST_ITEMS, 0) for part in value.maps)
    return {**kept, "[cut]": f"{left_out} more entries"} if left_out else kept


def _collection(value: Collection[object]) -> object:
    return _first(value, _FIRST_ITEMS, len(value))


def _series(value: Any) -> object:
    return _first(value[:_FIRST_ITEMS].tolist(), _FIRST_ITEMS, len(value))


def _polars_series(value: Any) -> object:
    return _first(value.head(_FIRST_ITEMS).to_list(), _FIRST_ITEMS, len(value))


def _frame(value: Any) -> object:
    corner = value.iloc[:_FIRST_ROWS, :_FIRST_COLUMNS]
    columns = [corner.iloc[:, number].tolist() for number in range(corner.shape[1])]
    return _rows(map(str, corner.columns), columns, value.shape)


def _polars_frame(value: Any) -> object:
    corner = value[:_FIRST_ROWS, :_FIRST_COLUMNS]
    return _rows(corner.columns, [series.to_list() for series in corner.get_columns()], value.shape)


def _rows(names: Iterable[str], columns: list[list[object]], shape: tuple[int, int]) -> list[object]:
    """A table as the list of its rows."""
    names = list(names)
    if shape[1] > _FIRST_COLUMNS:
        names.append("[cut]")
        columns = [*columns, [f"{shape[1] - _FIRST_COLUMNS} more columns"] * min(shape[0], _FIRST_ROWS)]
    return _first((dict(zip(names, row)) for row in zip(*columns)), _FIRST_ROWS, shape[0])


def _tensor(value: Any) -> object:
    if value.device.type == "cpu" and value.layout == sys.modules["torch"].strided and value.numel() <= _FIRST_ITEMS:
        return value.tolist()
    return f"<torch.Tensor of shape {tuple(value.shape)}, {value.dtype}, {value.device}>"


def _numpy_scalar(value: Any) -> object:
    return text_of(value)  # NaT, and kinds that JSON has no number for


_KINDS: tuple[tuple[Callable[[type], bool], _Step], ...] = (
    (_is(type), _class_or_function),
    (_is(bytes, bytearray, memoryview), _bytes),
    (lambda kind: kind.__name__ in _SENTINEL_TYPES, lambda value: None),
    (_is(float), float.__float__),
    (_is(date, time), lambda value: text_of(value.isoformat())),
    (_is(Decimal, timedelta), text_of),
    (lambda kind: _root(kind) == "pydantic" and _has("get_secret_value")(kind), repr),
    (_is(array.array), lambda value: value.tolist()),
    (is_array, _array),
    (_is(dict), dict.copy),
    (_is(list), list.copy),
    (lambda kind: issubclass(kind, tuple) and hasattr(kind, "_asdict"), lambda value: value._asdict()),
    (_is(tuple), lambda value: list(tuple.__iter__(value))),
    (_is(set, frozenset, collections.deque), list),
    (_is(BaseException), _exception),
    (_is(types.MethodType), _bound_method),
    (_is(functools.partial), _partial),
    (_is(types.SimpleNamespace), lambda value: vars(value).copy()),
    (_is(collections.ChainMap), _chain_map),
    (_is_in_memory(Mapping), _mapping),
    (_is_in_memory(Set, KeysView, ValuesView, ItemsView, collections.UserList), _collection),
    (_is_in_memory(os.PathLike), text_of),
)
_LIBRARIES: tuple[tuple[str, str, _Step], ...] = (
    ("argparse", "Namespace", lambda value: vars(value).copy()),
    ("numpy", "generic", _numpy_scalar),
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _series),
    ("pandas", "Index", _series),
    ("pandas", "Categorical", _series),
    ("pandas", "Period", text_of),
    ("sqlalchemy", "Row", lambda value: value._asdict()),
    ("polars", "DataFrame", _polars_frame),
    ("polars", "Series", _polars_series),
    ("torch", "Tensor", _tensor),
)
_LIBRARY_COSTS: dict[_Step | None, int] = {
    **dict.fromkeys((_frame, _polars_frame), 256),
    **dict.fromkeys((_series, _polars_series, _tensor), 16),
}

# ---- which objects may be asked ----


def _shows_what_it_has(kind: type) -> bool:
    known = _may_be_asked.get(id(kind))
    if known is None:
        known = _remember(_may_be_asked, kind, not (_evaluates_itself(kind) or _loads_attributes(kind)))
    return known


def _evaluates_itself(kind: type) -> bool:
    """Whether a ``repr`` of the class's own may evaluate a lazy object: a query, a proxied call, a future."""
    owner = _owner(kind, "__repr__")
    if _is_standard(owner):
        return _root(owner) in _SHOW_RESULTS
    return _root(kind) in _LAZY_LIBRARIES or not _has_standard_access(kind)


def _has_standard_access(kind: type) -> bool:
    """Whether items and attributes are read in Python's own ways."""
    return all(_is_standard(_owner(kind, name)) for name in _LAZY_METHODS)


def _loads_attributes(kind: type) -> bool:
    """Whether attributes of the class are loaded when they are read, as those of an ORM's objects are."""
    return any(
        hasattr(type(attribute), "__get__")
        and not callable(attribute)
        and _root(type(attribute)) not in _STANDARD_MODULES
        for base in kind.__mro__
        for attribute in vars(base).values()
    )


def _owner(kind: type, name: str) -> type | None:
    """The class that a method is from; None if there is none."""
    return next((base for base in kind.__mro__ if name in vars(base)), None)


def _is_standard(owner: type | None) -> bool:
    """Whether a method is Python's own, or there is none."""
    return owner is None or _root(owner) in _STANDARD_MODULES


def _root(kind: type | None) -> str:
    return str(kind.__module__).partition(".")[0] if kind is not None else ""
