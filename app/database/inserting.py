"""Bulk inserts, and inserts of rows that may exist already."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, Dialect, Table, bindparam, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from app.models import Base

#: Either dialect's `INSERT`; both have `on_conflict_do_update` and `excluded`.
Insert: TypeAlias = Any
#: Adds the `ON CONFLICT` clause to an `INSERT`.
OnConflict: TypeAlias = Callable[[Insert], Insert]


def dialect_insert(dialect: str) -> Callable[[type[Base] | Table], Insert]:
    """Return the dialect's `insert()`, which has `ON CONFLICT`."""
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def insert_missing(session: Session, model: type[Base], **columns: Any) -> None:
    """Insert a row unless its key exists; safe against another transaction doing the same."""
    insert = dialect_insert(session.get_bind().dialect.name)
    session.execute(insert(model).values(**columns).on_conflict_do_nothing())


def insert_rows(
    session: Session,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    on_conflict: OnConflict | None = None,
) -> None:
    """Insert rows that name the same columns, in their order; missing columns get defaults.

    One statement and one message to PostgreSQL, however many rows: the driver's `executemany`
    sends them one by one, and between them waits for the process's other threads.
    """
    table, dialect = cast(Table, model.__table__), session.get_bind().dialect
    if dialect.name != "postgresql":
        session.execute(_one_by_one(table, dialect.name, on_conflict), list(rows))
        return
    whole = list(_storable(table, dialect, rows))
    statement = _in_bulk(table, tuple(whole[0]), on_conflict)
    session.execute(statement, {"rows": json.dumps(whole, default=datetime.isoformat)})


@cache
def _one_by_one(table: Table, dialect: str, on_conflict: OnConflict | None) -> Insert:
    insert = dialect_insert(dialect)(table)
    return insert if on_conflict is None else on_conflict(insert)


@cache
def _in_bulk(table: Table, columns: tuple[str, ...], on_conflict: OnConflict | None) -> Insert:
    kind: ColumnElement[Any] = literal_column(f"NULL::{table.name}")
    given = func.json_populate_recordset(kind, bindparam("rows")).table_valued(*columns)
    insert = postgresql.insert(table).from_select(
        columns, select(*(given.c[name] for name in columns)), include_defaults=False
    )
    return insert if on_conflict is None else on_conflict(insert)


def _storable(
    table: Table, dialect: Dialect, rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the rows with defaults and converted values, as SQLAlchemy does for its entities."""
    defaults, converters = _defaults(table), _converters(table)
    for row in rows:
        missing = {name: make() for name, make in defaults.items() if name not in row}
        whole = {**row, **missing}
        for name, kind in converters.items():
            if name in whole:
                whole[name] = kind.process_bind_param(whole[name], dialect)
        yield whole


@cache
def _defaults(table: Table) -> dict[str, Callable[[], Any]]:
    """Return what makes the default of each column, except those that the database makes."""
    makers: dict[str, Callable[[], Any]] = {}
    for column in table.columns:
        default: Any = column.default
        if default is not None:
            makers[column.name] = partial(_value_of, default)
    return makers


def _value_of(default: Any) -> Any:
    return default.arg if default.is_scalar else default.arg(None)


@cache
def _converters(table: Table) -> dict[str, TypeDecorator[Any]]:
    """Return the custom column types, which convert their values, by column."""
    return {
        column.name: column.type
        for column in table.columns
        if isinstance(column.type, TypeDecorator)
    }
