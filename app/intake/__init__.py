"""Accepts single posts with a group commit: concurrent requests share one transaction.

The cost of a request is mostly its round trips to the database and to Redis. Requests that arrive
while a group is being written wait and form the next group, so the cost per request falls as the
load grows. A request that arrives alone does not wait.
"""

from app.intake.posts import Intake, IntakeResult, PostRequest

__all__ = ["Intake", "IntakeResult", "PostRequest"]
