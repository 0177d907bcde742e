"""A program that records the lazy objects of real libraries, and prints how often each one was made to work."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import dask.callbacks
import django
import msgspec
import polars
import sqlalchemy
from django.conf import settings
from django.db import connection, models
from django.utils.functional import SimpleLazyObject
from sqlalchemy import event, orm
from werkzeug.local import LocalProxy

import tracer

folder = Path(tempfile.mkdtemp())
tracer.configure(store=f"sqlite:///{folder / 'tracer.db'}")
work = 0
results: dict[str, list[Any]] = {}


def worked(*_: object, **__: object) -> None:
    global work
    work += 1


def asked(value: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: (worked(), value())[1]


@tracer.trace
def step(value: Any) -> Any:
    return value


def record(name: str, value: Any) -> None:
    before = work
    step(value)
    step({"nested": [value]})
    with tracer.start_span("by hand") as span:
        span.set_outputs(value)
        span.set_attribute("key", value)
        span.add_event("event", {"key": value})
    tracer.update_current_trace()
    done = work - before
    results[name] = [done, tracer.get_trace(span.trace_id).data.spans[0].outputs]


def main() -> None:
    with_django()
    with_sqlalchemy()
    with_others()
    json.dump(results, sys.stdout)


def with_django() -> None:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "django.db")}},
        INSTALLED_APPS=[],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()

    class Author(models.Model):
        name = models.TextField()

        class Meta:
            app_label = "library"

        def __str__(self) -> str:
            return self.name

    class Book(models.Model):
        author = models.ForeignKey(Author, models.CASCADE)

        class Meta:
            app_label = "library"

        def __str__(self) -> str:
            return f"by {self.author}"

    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    Book.objects.create(author=Author.objects.create(name="Ada"))

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        worked()
        return execute(*arguments)

    with connection.execute_wrapper(count):
        record("queryset", Author.objects.all())
        record("method of a queryset", Author.objects.all().filter)
        record("row with a lazy parent", Book.objects.first())
        record("row with a deferred field", Author.objects.only("id").first())
        record("lazy object", SimpleLazyObject(asked(Author.objects.get)))


def with_sqlalchemy() -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'sqlalchemy.db'}")
    event.listen(engine, "before_cursor_execute", worked)

    class Base(orm.DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "row"
        id = orm.mapped_column(sqlalchemy.Integer, primary_key=True)
        name = orm.mapped_column(sqlalchemy.Text, deferred=True)

        def __repr__(self) -> str:
            return f"Row({self.name})"

    class DataclassBase(orm.MappedAsDataclass, orm.DeclarativeBase):
        pass

    class DataclassRow(DataclassBase):
        __tablename__ = "dataclass_row"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        name: orm.Mapped[str] = orm.mapped_column(deferred=True)

    Base.metadata.create_all(engine)
    DataclassBase.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all([Row(name="x"), DataclassRow(id=1, name="x")])
        session.commit()
    with orm.Session(engine) as session:
        record("query", session.query(Row))
        record("row with a deferred column", session.query(Row).one())
        record("dataclass with a deferred column", session.query(DataclassRow).one())
        record("selected row", session.execute(sqlalchemy.text("SELECT 1 AS one")).one())


class Computing(dask.callbacks.Callback):  # type: ignore[misc]
    def _start(self, graph: object) -> None:
        worked()


def with_others() -> None:
    with Computing():
        record("dask array", dask.array.ones((10, 10)))
    record("polars lazy frame", polars.DataFrame({"a": [1]}).lazy().map_batches(lambda frame: (worked(), frame)[1]))
    record("polars frame", polars.DataFrame({"a": [1, 2]}))
    record("local proxy", LocalProxy(asked(lambda: {"a": 1})))
    record("struct", msgspec.defstruct("Point", [("x", int), ("y", float)])(1, float("inf")))


main()
