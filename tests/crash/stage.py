"""Everything a campaign plays on: the service's own processes, the parts it needs, platforms."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from cryptography.fernet import Fernet

from app import create_base
from app.config import Config
from app.extensions import db
from sandbox.films import make_film
from sandbox.redis_server import RedisServer
from sandbox.server import SandboxServer
from tests.conftest import migrate_database
from tests.crash.plan import Plan
from tests.platforms import Platforms
from tests.processes import Process
from tests.services import PostgresServer

SCHEDULERS = 2
POLL_SECONDS = 0.3
MANY = 10**6
#: The platforms' limits are not what is tried here.
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


class Stage:
    """Starts it all, and ends it all by its process ids. Its files are in `folder`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self._plan = plan
        self._parts = ExitStack()
        self.redis = RedisServer()
        self.sandbox = SandboxServer(folder / "platforms")
        self.workers: list[Process] = []
        self.schedulers: list[Process] = []

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

    def _start(self, parts: ExitStack) -> None:
        parts.callback(self.redis.stop)
        self.redis.start()
        parts.enter_context(self.sandbox)
        self.platforms = parts.enter_context(Platforms(self.sandbox.url))
        self.platforms.settings(**UNLIMITED)
        self.film = make_film(self.folder / "film.mp4", seconds=4, hue=self._plan.seed % 360)
        config = self._config(self._database_url(parts))
        migrate_database(config)
        self.app = create_base(config)
        parts.callback(self.app.extensions["redis"].close)
        parts.enter_context(self.app.app_context())
        parts.callback(db.engine.dispose)
        parts.callback(db.session.remove)
        self.schedulers = [
            parts.enter_context(self._process("scheduler", config, n)) for n in range(SCHEDULERS)
        ]
        self.workers = [
            parts.enter_context(self._process("worker", config, n)) for n in range(self._plan.trees)
        ]

    def _process(self, name: str, config: Config, number: int) -> Process:
        return Process(f"workers.{name}", config, self.folder / f"{name}-{number}.log")

    def _database_url(self, parts: ExitStack) -> str:
        if self._plan.database == "sqlite":
            return f"sqlite:///{self.folder / 'publishing.db'}"
        server = PostgresServer()
        parts.callback(server.remove)
        url = server.create_database("crash")
        return url.replace("postgresql://", "postgresql+psycopg://")

    def _config(self, database_url: str) -> Config:
        platforms = self.sandbox.url
        return Config(
            database_url=database_url,
            redis_url=self.redis.url,
            public_url="http://127.0.0.1:8000",
            video_dir=self.folder / "videos",
            token_encryption_keys=(Fernet.generate_key().decode(),),
            worker_concurrency=self._plan.concurrency,
            tiktok_api_url=f"{platforms}/tiktok",
            tiktok_client_key="sandbox-client",
            tiktok_client_secret="sandbox-secret",
            instagram_graph_url=f"{platforms}/graph",
            instagram_login_url=f"{platforms}/instagram",
            youtube_api_url=f"{platforms}/youtube",
            youtube_client_id="sandbox-client",
            youtube_client_secret="sandbox-secret",
            google_oauth_url=f"{platforms}/google",
            tiktok_poll_seconds=POLL_SECONDS,
            instagram_poll_seconds=POLL_SECONDS,
            youtube_poll_seconds=POLL_SECONDS,
            log_level="WARNING",
        )
