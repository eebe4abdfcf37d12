"""`/api/posts`: published posts."""

from __future__ import annotations

from typing import Any

from app.api.auth import current_user
from app.api.blueprint import Blueprint
from app.api.errors import NotFound
from app.models import PublishedPost
from app.queries.pages import Page
from app.queries.posts import find_post, list_posts
from app.schemas.post import PostSchema, PostsQuery, PostsSchema

blueprint = Blueprint("posts", __name__, url_prefix="/api/posts", description="What is live")


@blueprint.route("", methods=["GET"], operation="listPosts")
@blueprint.arguments(PostsQuery, location="query")
@blueprint.response(200, PostsSchema)
def index(query: dict[str, Any]) -> Page[PublishedPost]:
    """List the user's posts, newest first"""
    return list_posts(current_user(), **query)


@blueprint.route("/<post_id>", methods=["GET"], operation="getPost")
@blueprint.response(200, PostSchema)
def show(post_id: str) -> PublishedPost:
    """Show one post"""
    post = find_post(current_user(), post_id)
    if post is None:
        raise NotFound("Post not found")
    return post
