"""The environment of a campaign: the service's processes, the servers it needs, the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from cryptography.fernet import Fernet

from app import create_base
from app.config import Config
from app.extensions import db
from app.platforms import PLATFORMS
from sandbox.development.postgres_server import PostgresServer
from sandbox.development.redis_server import RedisServer
from sandbox.development.sample_videos import make_sample_video
from sandbox.server import SandboxServer
from tests.app.web import free_port
from tests.conftest import migrate_database
from tests.crash.gates import Gates
from tests.crash.plan import Plan
from tests.crash.receiver import Receiver
from tests.media.corpus import BOTH, run_ffmpeg
from tests.memory import memory_folder
from tests.platforms import Platforms, settings_of
from tests.processes import WEB, Process

API_KEY = "crash-key"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POLL_SECONDS = 0.3
MANY = 10**6
#: The platforms' limits are not under test here.
UNLIMITED = {
    "tiktok_posts_per_day": MANY,
    "tiktok_creator_info_per_minute": MANY,
    "tiktok_init_per_minute": MANY,
    "tiktok_status_per_minute": MANY,
    "tiktok_videos_per_minute": MANY,
    "instagram_posts_per_day": MANY,
    "instagram_containers_per_day": MANY,
    "instagram_calls_per_hour": MANY,
    "youtube_uploads_per_day": MANY,
    "youtube_units_per_day": 2000 * MANY,
    "youtube_stats_per_day": MANY,
    "youtube_channel_uploads_per_day": MANY,
}
OUR_LIMITS = {limit.setting: MANY for platform in PLATFORMS.values() for limit in platform.limits}


class Stage:
    """Starts everything, and stops it by its process ids. Its files are in `folder`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.encode_dir = folder / "encode"
        self._plan = plan
        self._parts = ExitStack()
        self.redis = RedisServer()
        self.sandbox = SandboxServer(folder / "platforms")
        self.postgres: PostgresServer | None = None
        self.gates: Gates | None = None
        self.receiver = Receiver(WEBHOOK_SECRET)
        self.workers: list[Process] = []
        self.schedulers: list[Process] = []
        self.webs: list[Process] = []
        self.web_url = ""

    def __enter__(self) -> Stage:
        with ExitStack() as parts:
            self._start(parts)
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parts.close()

    @property
    def processes(self) -> Sequence[Process]:
        """The service's own processes, in the order in which a deploy replaces them."""
        return (*self.webs, *self.workers, *self.schedulers)

    def _start(self, parts: ExitStack) -> None:
        parts.callback(self.redis.stop)
        self.redis.start()
        parts.enter_context(self.sandbox)
        parts.enter_context(self.receiver)
        self.platforms = parts.enter_context(Platforms(self.sandbox.url))
        self.platforms.settings(**UNLIMITED)
        self.sample = make_sample_video(
            self.folder / "sample.mp4", seconds=4, hue=self._plan.seed % 360
        )
        #: one that every platform needs converted
        self.unfit_video = self.folder / "unfit.mkv"
        run_ffmpeg(*BOTH, "-c:v", "mpeg4", "-q:v", "5", "-c:a", "aac", str(self.unfit_video))
        config = self._config(self._database_url(parts))
        migrate_database(config)
        if self.postgres is not None:
            self.gates = Gates(config.database_url)
        self.app = create_base(config)
        parts.callback(self.app.extensions["redis"].close)
        parts.enter_context(self.app.app_context())
        parts.callback(db.engine.dispose)
        parts.callback(db.session.remove)
        self._start_processes(parts, config)

    def _start_processes(self, parts: ExitStack, config: Config) -> None:
        self.web_url = f"http://127.0.0.1:{config.port}"
        self.webs = [
            parts.enter_context(self._process(WEB, "web", config, n))
            for n in range(self._plan.webs)
        ]
        self.schedulers = [
            parts.enter_context(self._process("workers.scheduler", "scheduler", config, n))
            for n in range(self._plan.schedulers)
        ]
        self.workers = [
            parts.enter_context(self._process("workers.worker", "worker", config, n))
            for n in range(self._plan.trees)
        ]

    def _process(self, command: str, name: str, config: Config, number: int) -> Process:
        log, encode_dir = self.folder / f"{name}-{number}.log", str(self.encode_dir)
        return Process(command, config, log, ENCODE_DIR=encode_dir)

    def _database_url(self, parts: ExitStack) -> str:
        if self._plan.database == "sqlite":
            folder = parts.enter_context(memory_folder("crash-"))
            return f"sqlite:///{folder / 'publishing.db'}"
        self.postgres = PostgresServer(outlives_power=False)
        parts.callback(self.postgres.remove)
        url = self.postgres.create_database("crash")
        return url.replace("postgresql://", "postgresql+psycopg://")

    def _config(self, database_url: str) -> Config:
        port = free_port()
        return Config(
            database_url=database_url,
            redis_url=self.redis.url,
            public_url=f"http://127.0.0.1:{port}",
            port=port,
            api_keys=(API_KEY,),
            webhook_url=self.receiver.url,
            webhook_secrets=(WEBHOOK_SECRET,),
            limits=OUR_LIMITS,
            video_dir=self.folder / "videos",
            token_encryption_keys=(Fernet.generate_key().decode(),),
            worker_concurrency=self._plan.concurrency,
            log_level="WARNING",
            **settings_of(self.sandbox.url, poll_seconds=POLL_SECONDS),
        )
