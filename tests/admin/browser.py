"""Debian's Chromium, driven by the DevTools protocol over a pipe: no driver and no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: How long an answer may take on a machine that is small and busy.
PATIENCE_SECONDS = 120.0
#: What a page must not do: complain, throw, or ask for what is refused.
COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
#: The number of every answer to a dialog.
_DIALOG = 0
# The browser reads from its descriptor 3 and writes to 4; ours are above, so none is in the way.
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    "os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """One page of a fresh browser; `complaints` are what it had to say in its console."""

    def __init__(self, profile: Path, headers: dict[str, str]) -> None:
        self._profile = profile
        self._headers = headers
        self._number = 0
        self._session = ""
        self._answers: Queue[dict[str, Any]] = Queue()
        self._sending = threading.Lock()
        self._loaded = threading.Event()
        self.complaints: list[str] = []

    def __enter__(self) -> Browser:
        assert CHROMIUM is not None
        read_end, ours_out = os.pipe()
        ours_in, write_end = os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_end, write_end)]
        profile = f"--user-data-dir={self._profile}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, *map(str, theirs), CHROMIUM, *_ARGUMENTS, profile],
            pass_fds=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (read_end, write_end, *theirs):
            os.close(end)
        self._out, self._in = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.setExtraHTTPHeaders", headers=self._headers)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self._out.close()
        self._in.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call the protocol, and return its answer."""
        self._number += 1
        self._send(self._number, method, parameters)
        try:
            answer = self._answers.get(timeout=PATIENCE_SECONDS)
        except Empty as exc:
            raise AssertionError(f"no answer to {method}") from exc
        assert answer["id"] == self._number and "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    def look(self, *, width: int, height: int = 900, is_dark: bool = False) -> None:
        """Show pages in a window of this size, in light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.call("Emulation.setEmulatedMedia", features=[scheme, still])

    def open(self, url: str) -> None:
        """Load a page, and wait for all of it."""
        self._loaded.clear()
        answer = self.call("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        self.wait_for_page()

    def click(self, script: str) -> None:
        """Click what a script finds, and wait for the page it leads to."""
        self._loaded.clear()
        self.run(f"({script}).click()")
        self.wait_for_page()

    def wait_for_page(self) -> None:
        """Wait until a page is loaded, with its scripts and its styles."""
        assert self._loaded.wait(PATIENCE_SECONDS), "the page did not load"

    def run(self, script: str) -> Any:
        """Return the value of a script."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """Save a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _listen(self) -> None:
        rest = b""
        while data := os.read(self._in.fileno(), 65536):
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        if "id" in message:
            if message["id"] != _DIALOG:
                self._answers.put(message)
        elif message["method"] == "Page.loadEventFired":
            self._loaded.set()
        elif message["method"] in COMPLAINTS:
            self.complaints.append(json.dumps(message["params"])[:500])
        elif message["method"] == "Page.javascriptDialogOpening":
            # Said yes to from here: who has clicked waits for the page that follows.
            self._send(_DIALOG, "Page.handleJavaScriptDialog", {"accept": True})

    def _send(self, number: int, method: str, parameters: dict[str, Any]) -> None:
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        with self._sending:
            self._out.write(json.dumps(message).encode() + b"\0")
            self._out.flush()
