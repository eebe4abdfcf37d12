"""Why a worker's run of a job or a rendition must stop.

RunStopped            control flow, not a failure
  Superseded          another run holds it, or it has ended
  CancelRequested     the user cancelled it in time
  Stopping            this process is shutting down (workers.stopping)
  UploadNeeded        a poll found that bytes are missing (workers.publishing.steps)
"""


class RunStopped(Exception):
    """Base of what stops a run without an error."""


class Superseded(RunStopped):
    """Raised when a run no longer holds what it works on, and must not write or act any more."""


class CancelRequested(RunStopped):
    """Raised when the user has cancelled, at a point where that is still possible."""
