"""Starting and stopping the sandbox: in a thread for tests, in a process by `python -m sandbox`."""

import tempfile
import threading
from pathlib import Path
from types import TracebackType

from sandbox.application import create_app
from sandbox.core.world import World
from sandbox.wsgi import Server


class SandboxServer:
    """One sandbox on 127.0.0.1; port 0 lets the system choose.

    Without a `state_dir`, its files are in a temporary folder that `stop` deletes. With
    `keeps_accounts`, a later server on the same folder knows the accounts of this one.
    """

    def __init__(
        self,
        state_dir: Path | str | None = None,
        port: int = 0,
        *,
        keeps_accounts: bool = False,
    ) -> None:
        self._own_dir = tempfile.TemporaryDirectory() if state_dir is None else None
        self.state_dir = Path(state_dir or (self._own_dir.name if self._own_dir else ""))
        self.world = World(self.state_dir, keeps_accounts=keeps_accounts)
        self._server = Server(port, create_app(self.world))
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)

    @property
    def url(self) -> str:
        """Return the address without a trailing slash."""
        return f"http://127.0.0.1:{self._server.port}"

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def start(self) -> "SandboxServer":
        """Start serving; returns at once."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all connections and stop serving."""
        self.world.end_calls()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self.world.close()
        if self._own_dir is not None:
            self._own_dir.cleanup()

    def __enter__(self) -> "SandboxServer":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
