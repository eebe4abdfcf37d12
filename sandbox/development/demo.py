"""`make demo`: publish real videos to the three platforms of the sandbox, and show the progress.

It uses only the HTTP API, as a back end would. Exits with 0 when every post is live, else with 1
and the reason.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import FrameType
from typing import Any, NoReturn

import requests
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sandbox.development.api_client import ApiClient, ApiError
from sandbox.development.receiver import WebhookReceiver
from sandbox.development.sample_videos import make_sample_video
from sandbox.development.stack import SHUTDOWN_SIGNALS, VAR_DIR, Stack, StackError
from sandbox.loopback import loopback_session
from sandbox.platforms import PLATFORMS

#: Separate from the state of `make run`, so that both can run at once.
DEMO_DIR = VAR_DIR / "demo"
FINAL = ("completed", "failed", "cancelled")
SCHEDULE_AHEAD = timedelta(seconds=12)
STAGGER_MINUTES = 0.1
#: All posts are live after about half a minute; a stuck one must not hang the demo for ever.
PATIENCE_SECONDS = 240.0
#: Scheduled posts start on time; this allows for a small machine that is busy with everything.
LATE_MAX = timedelta(seconds=5)
WEBHOOK_SECONDS = 30.0
POLL_SECONDS = 0.3
#: The exit status that shells report for a command ended by Ctrl-C.
INTERRUPTED = 130


class Demo:
    """One run, with a user of its own, so that a second run starts afresh."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self._stack = stack
        self._console = console
        self._user = f"demo-{int(time.time())}"
        self._client = ApiClient(stack.api_url, stack.keys.api_key, self._user)
        #: job id → label
        self.jobs: dict[str, str] = {}
        self.statuses: dict[str, dict[str, Any]] = {}

    def connect_accounts(self) -> None:
        """Create an account on each sandbox platform and connect it."""
        with loopback_session() as session:
            for platform in PLATFORMS:
                answer = session.post(
                    f"{self._stack.sandbox_url}/_sandbox/accounts",
                    json={"platform": platform},
                    timeout=10,
                )
                answer.raise_for_status()
                self._client.connect(platform, answer.json())

    def publish(self) -> None:
        """Publish one video everywhere at once, one on schedule, and a staggered batch."""
        videos = [
            self._client.upload(
                make_sample_video(DEMO_DIR / f"sample-{hue}.mp4", seconds=4, hue=hue)
            )
            for hue in (0, 120, 240)
        ]
        everywhere = [self._post(videos[0], platform, "Now, everywhere") for platform in PLATFORMS]
        for job_id, platform in zip(
            self._client.publish_batch({"posts": everywhere, "intervalMinutes": 0}), PLATFORMS
        ):
            self.jobs[job_id] = f"{platform} at once"
        at = datetime.now(timezone.utc) + SCHEDULE_AHEAD
        scheduled = {
            **self._post(videos[1], "INSTAGRAM", "On schedule"),
            "scheduledTime": at.isoformat().replace("+00:00", "Z"),
        }
        self.jobs[self._client.publish(scheduled)] = "INSTAGRAM scheduled"
        staggered = [self._post(videos[2], platform, "One by one") for platform in PLATFORMS]
        for job_id, platform in zip(
            self._client.publish_batch({"posts": staggered, "intervalMinutes": STAGGER_MINUTES}),
            PLATFORMS,
        ):
            self.jobs[job_id] = f"{platform} staggered"

    def _post(self, video_id: str, platform: str, caption: str) -> dict[str, Any]:
        return {
            "videoId": video_id,
            "platform": platform,
            "caption": caption,
            "hashtags": ["demo", platform.lower()],
            "privacyLevel": "public",
        }

    def watch(self) -> None:
        """Show the jobs' progress until all have ended; raises `StackError` on timeout."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        columns = (
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[state]:<10} {task.fields[step]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            bars = {
                job_id: progress.add_task(name, total=100, state="", step="")
                for job_id, name in self.jobs.items()
            }
            while bars:
                self._stack.check()
                if time.monotonic() > deadline:
                    raise StackError(
                        f"{len(bars)} posts did not finish in {PATIENCE_SECONDS:.0f} s"
                    )
                for job_id in list(self._poll(progress, bars)):
                    del bars[job_id]
                time.sleep(POLL_SECONDS)

    def _poll(self, progress: Progress, bars: dict[str, TaskID]) -> Iterator[str]:
        """Update the bars; yield the jobs that have ended."""
        for job_id, bar in bars.items():
            status = self.statuses[job_id] = self._client.status(job_id)
            state, step = status["state"], status["step"] or ""
            progress.update(bar, completed=status["progress"], state=state, step=step)
            if state in FINAL:
                progress.stop_task(bar)
                yield job_id

    def failures(self) -> list[str]:
        """Describe every post that failed or started late; empty when all is well."""
        return [*self._not_live(), *self._late()]

    def _not_live(self) -> Iterator[str]:
        for job_id, status in self.statuses.items():
            if status["state"] != "completed":
                yield f"{self.jobs[job_id]}: {status['state']}: {status['failedReason']}"

    def _late(self) -> Iterator[str]:
        for job_id, status in self.statuses.items():
            late = _lateness(status)
            if late is not None and not timedelta(0) <= late <= LATE_MAX:
                yield f"{self.jobs[job_id]}: started {late.total_seconds():+.1f} s off its time"

    def report(self) -> Iterator[str]:
        """Yield a line per live post, with its link and how late a scheduled one started."""
        for job_id, status in self.statuses.items():
            if status["state"] != "completed":
                continue
            result = status["result"]
            link = result["url"] or result["platformPostId"] or "no link: the post is private"
            line = f"[green]live[/green]  {self.jobs[job_id]:<20} {link}"
            late = _lateness(status)
            if late is not None:
                line += f"  (started {late / timedelta(milliseconds=1):.0f} ms after it was due)"
            yield line


def _lateness(status: dict[str, Any]) -> timedelta | None:
    """Return how long after its time a scheduled post started; None for any other."""
    if not status["scheduledTime"] or not status["startedAt"]:
        return None
    due, started = (
        datetime.fromisoformat(status[name].replace("Z", "+00:00"))
        for name in ("scheduledTime", "startedAt")
    )
    return started - due


def run(console: Console, receiver: WebhookReceiver, stack: Stack) -> list[str]:
    """Publish, watch and report; return what went wrong."""
    demo = Demo(stack, console)
    demo.connect_accounts()
    console.print(f"API {stack.api_url}   sandbox {stack.sandbox_url}\n")
    demo.publish()
    demo.watch()
    console.print()
    for line in demo.report():
        console.print(line, soft_wrap=True, highlight=False)
    console.print("The links have the platforms' own form; nothing has left this machine.")
    problems = demo.failures()
    if not receiver.wait_for(len(demo.jobs), WEBHOOK_SECONDS):
        problems.append(f"{len(receiver.received)} of {len(demo.jobs)} webhooks arrived")
    console.print(f"\n{len(receiver.received)} webhooks received, signatures verified")
    return problems


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo and return the exit status."""
    for number in SHUTDOWN_SIGNALS:
        signal.signal(number, _interrupt)
    console = Console()
    log_path = DEMO_DIR / "stack.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    console.print("Starting Redis, the platform sandbox, web, worker and scheduler …")
    try:
        with log_path.open("wb") as log:
            stack = Stack(log, DEMO_DIR)
            with WebhookReceiver(stack.keys.webhook_secret) as receiver:
                stack.environment["WEBHOOK_URL"] = receiver.url
                stack.environment["WEBHOOK_SECRET"] = stack.keys.webhook_secret
                with stack:
                    problems = run(console, receiver, stack)
    except (StackError, ApiError, requests.RequestException) as error:
        problems = [str(error)]
    except KeyboardInterrupt:
        console.print("\nStopped before the end; nothing is left running.")
        return INTERRUPTED
    for problem in problems:
        console.print(f"[red]failed:[/red] {problem}", highlight=False)
    if problems:
        console.print(f"The processes' output is in {log_path}")
        return 1
    console.print("Everything is live. `make run` starts the same stack and keeps it up.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
