"""Failures as stored and shown: from a bug, lost workers or an unknown outcome."""

from __future__ import annotations

from app.failures import Category, Failure


def internal(bug: Exception) -> Failure:
    """Return the failure for a bug, without its text, which may hold secrets."""
    return Failure(
        type(bug).__name__,
        Category.INTERNAL,
        "an error of this service",
        "It was reported; try again, or ask for help",
    )


def job_lost_workers(count: int) -> Failure:
    """Return the failure of a job that kills every worker that takes it."""
    return Failure(
        "worker_lost",
        Category.INTERNAL,
        f"{count} workers were lost while they worked on this post",
        "Retry it; if that fails too, the video may be damaged in a way that breaks programs",
    )


def outcome_unknown(failure: Failure) -> Failure:
    """Return the failure of a job whose outcome stayed unknown too long, from its last failure."""
    return Failure(
        failure.code,
        Category.AMBIGUOUS,
        "the platform did not say whether the post is live",
        "Look on the platform whether it is live, and say so",
    )
