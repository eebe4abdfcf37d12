"""The words in which a failure is kept and shown: from an error, and where there is none."""

from __future__ import annotations

from app.failures import Category, Failure
from workers.errors import PublishError


def failure_of(error: PublishError) -> Failure:
    """Return an error as the row keeps it."""
    return Failure(error.code, error.category, error.detail, error.hint)


def internal(bug: Exception) -> Failure:
    """Return the failure for an error that nobody expected. Its own text may hold anything."""
    return Failure(
        type(bug).__name__,
        Category.INTERNAL,
        "an error of this service",
        "It was reported; try again, or ask for help",
    )


def workers_lost(count: int) -> Failure:
    """Return the failure of a job that ends every worker which takes it."""
    return Failure(
        "worker_lost",
        Category.INTERNAL,
        f"{count} workers were lost while they worked on this post",
        "The video may be damaged in a way that breaks programs; try another export of it",
    )


def outcome_unknown(failure: Failure) -> Failure:
    """Return the failure of a job whose platform was silent too long, out of the last one."""
    return Failure(
        failure.code,
        Category.AMBIGUOUS,
        "the platform did not say whether the post is live",
        "Look on the platform, then tell this service with …/resolve",
    )
