"""Schemas of published posts."""

from __future__ import annotations

from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from app.platforms import PLATFORMS
from app.schemas.base import Moment, ResponseSchema, one_of
from app.schemas.pages import PageQuery, PageSchema


class PostsQuery(PageQuery):
    """The query of the list of posts."""

    platform = fields.String(load_default=None, validate=OneOf(PLATFORMS))
    video_id = fields.String(load_default=None)


def _count() -> fields.Field[Any]:
    return fields.Integer(
        allow_none=True, metadata={"description": "null: the platform does not report it."}
    )


class PostSchema(ResponseSchema):
    """A post that is live on a platform."""

    id = fields.String()
    job_id = fields.String()
    account_id = fields.String()
    video_id = fields.String()
    platform = one_of(PLATFORMS)
    platform_post_id = fields.String(
        allow_none=True, metadata={"description": "null until the platform reports it."}
    )
    url = fields.String(allow_none=True)
    caption = fields.String()
    published_at = Moment()
    views = _count()
    likes = _count()
    comments = _count()
    shares = _count()
    counted_at = Moment(
        allow_none=True,
        metadata={"description": "When the platform last reported these numbers; null: not yet."},
    )


class PostsSchema(PageSchema):
    """One page of a user's posts."""

    posts = fields.List(fields.Nested(PostSchema), attribute="rows")
