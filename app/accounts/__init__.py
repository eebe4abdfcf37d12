"""All that may be done to a connected account, besides what publishing finds out about it.

Owns every commit of it. The tokens go in here; only the workers read them.
"""

from app.accounts.connect import Connection, connect_account
from app.accounts.disconnect import disconnect_account
from app.accounts.video_limit import learn_limit

__all__ = ["Connection", "connect_account", "disconnect_account", "learn_limit"]
