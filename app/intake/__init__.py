"""Taking on single posts: those that are asked for at the same time share one transaction.

What a request costs is mostly its round trips to the database and to Redis. So while one group of
requests is written, those that arrive wait, and are then written together: the busier a process,
the less each costs. A request that comes alone waits for nobody.
"""

from app.intake.posts import Asked, Intake, Taken

__all__ = ["Asked", "Intake", "Taken"]
