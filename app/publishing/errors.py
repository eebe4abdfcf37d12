"""Why a change to a job is refused.

PublishingError
  WrongState          the job's state does not allow it
  KeyReused           an Idempotency-Key was reused with another body
"""


class PublishingError(Exception):
    """Base of the refusals; the message is one sentence for a person."""


class WrongState(PublishingError):
    """Raised when a job's state does not allow the change."""


class KeyReused(PublishingError):
    """Raised when an Idempotency-Key is reused with another body."""
