"""Operations on connected accounts, apart from what publishing learns about them.

Owns every commit of theirs. Tokens go in here; only the workers read them.
"""

from app.accounts.connect import Connection, connect_account
from app.accounts.disconnect import disconnect_account
from app.accounts.video_limit import known_video_limit, store_video_limit

__all__ = [
    "Connection",
    "connect_account",
    "disconnect_account",
    "known_video_limit",
    "store_video_limit",
]
