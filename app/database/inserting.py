"""Inserting rows: many in one statement, and rows that may be there already."""

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

#: Of either dialect; both know `on_conflict_do_update` and `excluded`.
Insert: TypeAlias = Any
#: Adds to an `INSERT` what to do where a row's key is taken.
Resolve: TypeAlias = Callable[[Insert], Insert]


def inserting(dialect: str) -> Callable[[type[Base] | Table], Insert]:
    """Return the `INSERT` of a database that knows what to do where the key is taken."""
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def insert_missing(session: Session, model: type[Base], **columns: Any) -> None:
    """Insert a row unless one with its key is there; another transaction may be doing the same."""
    insert = inserting(session.get_bind().dialect.name)
    session.execute(insert(model).values(**columns).on_conflict_do_nothing())


def insert_rows(
    session: Session,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    resolve: Resolve | None = None,
) -> None:
    """Insert rows that name the same columns, in their order; `resolve` is for keys taken.

    One statement and one message to PostgreSQL, however many rows: the driver's `executemany`
    sends each by itself, and between them waits for its turn among the process's threads. What a
    row leaves out gets the default of its column.
    """
    table, dialect = cast(Table, model.__table__), session.get_bind().dialect
    if dialect.name != "postgresql":
        session.execute(_row_by_row(table, dialect.name, resolve), list(rows))
        return
    whole = list(_completed(table, dialect, rows))
    statement = _all_at_once(table, tuple(whole[0]), resolve)
    session.execute(statement, {"rows": json.dumps(whole, default=datetime.isoformat)})


@cache
def _row_by_row(table: Table, dialect: str, resolve: Resolve | None) -> Insert:
    insert = inserting(dialect)(table)
    return insert if resolve is None else resolve(insert)


@cache
def _all_at_once(table: Table, columns: tuple[str, ...], resolve: Resolve | None) -> Insert:
    kind: ColumnElement[Any] = literal_column(f"NULL::{table.name}")
    given = func.json_populate_recordset(kind, bindparam("rows")).table_valued(*columns)
    insert = postgresql.insert(table).from_select(
        columns, select(*(given.c[name] for name in columns)), include_defaults=False
    )
    return insert if resolve is None else resolve(insert)


def _completed(
    table: Table, dialect: Dialect, rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Give the rows as they are to be stored, as SQLAlchemy does it for rows of its own."""
    defaults, converted = _defaults(table), _converted(table)
    for row in rows:
        missing = {name: make() for name, make in defaults.items() if name not in row}
        whole = {**row, **missing}
        for name, kind in converted.items():
            if name in whole:
                whole[name] = kind.process_bind_param(whole[name], dialect)
        yield whole


@cache
def _defaults(table: Table) -> dict[str, Callable[[], Any]]:
    """Return what makes each default of the table's columns, but those that the database makes."""
    made: dict[str, Callable[[], Any]] = {}
    for column in table.columns:
        default: Any = column.default
        if default is not None:
            made[column.name] = partial(_value_of, default)
    return made


def _value_of(default: Any) -> Any:
    return default.arg if default.is_scalar else default.arg(None)


@cache
def _converted(table: Table) -> dict[str, TypeDecorator[Any]]:
    """Return the types of our own, by column: they store something else than they are given."""
    return {
        column.name: column.type
        for column in table.columns
        if isinstance(column.type, TypeDecorator)
    }
