"""The tables: one file each."""

from app.models.account import Account
from app.models.base import Base
from app.models.consent import Consent
from app.models.gate import Gate
from app.models.idempotency_key import IdempotencyKey
from app.models.lane import Lane
from app.models.limit_use import LimitUse
from app.models.notification import Notification
from app.models.publish_job import PublishJob
from app.models.published_post import PublishedPost
from app.models.rendition import Rendition
from app.models.service import SchedulerTerm, WorkerProcess
from app.models.tally import Tally, TallyMark
from app.models.timeline import TimelineEntry
from app.models.video import Video

__all__ = [
    "Account",
    "Base",
    "Consent",
    "Gate",
    "IdempotencyKey",
    "Lane",
    "LimitUse",
    "Notification",
    "PublishJob",
    "PublishedPost",
    "Rendition",
    "SchedulerTerm",
    "Tally",
    "TallyMark",
    "TimelineEntry",
    "Video",
    "WorkerProcess",
]
