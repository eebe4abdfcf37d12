"""Lists in pages: the query that asks for one, the cursor, and what each response contains."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Range

from app.ids import is_id
from app.schemas.base import BaseSchema, ResponseSchema

MAX_PAGE = 100


class Cursor(fields.String):
    """An opaque cursor: the id of the last row of the page before."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(value.encode()).decode()

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        try:
            seen = base64.b64decode(str(value).encode("ascii"), altchars=b"-_", validate=True)
            last_id = seen.decode("ascii")
        except (binascii.Error, UnicodeError) as exc:
            raise ValidationError("Not a cursor of this list.") from exc
        if not is_id(last_id):
            raise ValidationError("Not a cursor of this list.")
        return last_id


class PageQuery(BaseSchema):
    """The query of every list: newest first, `limit` at a time."""

    limit = fields.Integer(
        load_default=20,
        validate=Range(1, MAX_PAGE),
        metadata={"description": "The maximum number of entries to return."},
    )
    cursor = Cursor(
        load_default=None, metadata={"description": "`nextCursor` of the previous page."}
    )


class PageSchema(ResponseSchema):
    """What every list response contains besides the list."""

    next_cursor = Cursor(allow_none=True, metadata={"description": "null on the last page."})
