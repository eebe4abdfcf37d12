"""The tables, one module each."""

from app.models.account import Account
from app.models.base import Base
from app.models.consent import Consent
from app.models.gate import Gate
from app.models.idempotency_key import IdempotencyKey
from app.models.lane import Lane
from app.models.ledger_entry import LedgerEntry
from app.models.notification import Notification
from app.models.publish_job import PublishJob
from app.models.published_post import PublishedPost
from app.models.rendition import Rendition
from app.models.scheduler_term import SchedulerTerm
from app.models.tally import Tally
from app.models.tally_watermark import TallyWatermark
from app.models.timeline import TimelineEntry
from app.models.video import Video
from app.models.worker_process import WorkerProcess

__all__ = [
    "Account",
    "Base",
    "Consent",
    "Gate",
    "IdempotencyKey",
    "Lane",
    "LedgerEntry",
    "Notification",
    "PublishJob",
    "PublishedPost",
    "Rendition",
    "SchedulerTerm",
    "Tally",
    "TallyWatermark",
    "TimelineEntry",
    "Video",
    "WorkerProcess",
]
