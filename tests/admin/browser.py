"""Debian's Chromium, driven by the DevTools protocol over a pipe: no driver and no port."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
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


class Browser:
    """One page of a fresh browser; `complaints` are what it had to say in its console."""

    def __init__(self, profile: Path, headers: dict[str, str]) -> None:
        self._profile = profile
        self._headers = headers
        self._number = 0
        self._session = ""
        self._answers: Queue[dict[str, Any]] = Queue()
        self._loaded = threading.Event()
        self.complaints: list[str] = []

    def __enter__(self) -> Browser:
        assert CHROMIUM is not None
        # What the browser reads from is its descriptor 3, what it writes to its descriptor 4.
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        for descriptor in (theirs_in, theirs_out):
            os.set_inheritable(descriptor, True)
        command = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        profile = f"--user-data-dir={self._profile}"
        self._process = subprocess.Popen(
            ["sh", "-c", command, "sh", CHROMIUM, *_ARGUMENTS, profile],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in), os.close(theirs_out)
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
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
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
            self._answers.put(message)
        elif message["method"] == "Page.loadEventFired":
            self._loaded.set()
        elif message["method"] in COMPLAINTS:
            self.complaints.append(json.dumps(message["params"])[:500])
        elif message["method"] == "Page.javascriptDialogOpening":
            # Answered from here: who clicked waits for nothing but the page.
            self._out.write(
                json.dumps(
                    {
                        "id": 0,
                        "method": "Page.handleJavaScriptDialog",
                        "params": {"accept": True},
                        "sessionId": self._session,
                    }
                ).encode()
                + b"\0"
            )
            self._out.flush()
