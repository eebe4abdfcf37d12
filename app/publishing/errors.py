"""Why something may not be done to a job.

PublishingError
  WrongState          the job is not, or no longer, where this can be done
  KeyReused           an Idempotency-Key came again with another body
RunStopped            control flow: a worker's run may not go on
  Superseded          another run holds the job, or it has ended
  CancelRequested     the user cancelled it in time
"""


class PublishingError(Exception):
    """Base of the refusals; the text is one sentence for a person."""


class WrongState(PublishingError):
    """Raised when a job's state does not allow what was asked."""


class KeyReused(PublishingError):
    """Raised when an Idempotency-Key is used again with another body."""


class RunStopped(Exception):
    """Base of what ends a run without an error."""


class Superseded(RunStopped):
    """Raised when a run no longer holds its job and must not write or act any more."""


class CancelRequested(RunStopped):
    """Raised when the user asked to cancel, at a point where that is still possible."""
