"""Why something may not be done to a job.

PublishingError
  WrongState          the job is not, or no longer, where this can be done
  KeyReused           an Idempotency-Key came again with another body
"""


class PublishingError(Exception):
    """Base of the refusals; the text is one sentence for a person."""


class WrongState(PublishingError):
    """Raised when a job's state does not allow what was asked."""


class KeyReused(PublishingError):
    """Raised when an Idempotency-Key is used again with another body."""
