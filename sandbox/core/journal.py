"""The journal: every call and every post that went live, in order. Never holds a token."""

import json
import threading
from collections import deque
from itertools import islice
from pathlib import Path
from typing import Any

KEPT_ENTRIES = 100_000


class Journal:
    """Numbered entries: the newest in memory, all of them in `journal.jsonl`."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT_ENTRIES)
        self._seq = 0

    def write(self, entry: dict[str, Any]) -> int:
        """Append an entry and return its number."""
        with self._lock:
            self._seq += 1
            numbered = {"seq": self._seq, **entry}
            self._entries.append(numbered)
            if not self._file.closed:  # a call may still be finishing while the sandbox stops
                self._file.write(json.dumps(numbered) + "\n")
            return self._seq

    def after(self, seq: int) -> list[dict[str, Any]]:
        """Return the entries whose number is greater than `seq`, oldest first."""
        with self._lock:
            wanted = min(max(self._seq - seq, 0), len(self._entries))
            newest_first = list(islice(reversed(self._entries), wanted))
        return newest_first[::-1]

    def newest(self, count: int) -> list[dict[str, Any]]:
        """Return the last `count` entries, newest first."""
        with self._lock:
            return list(islice(reversed(self._entries), count))

    def clear(self) -> None:
        """Clear the entries in memory; the numbering continues and the file is kept."""
        with self._lock:
            self._entries.clear()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
