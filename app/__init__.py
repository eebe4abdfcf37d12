"""The HTTP API and the state behind it.

`create_app` builds the web process's application; `create_base` the one of the workers and the
scheduler: the same database, Redis, secrets and store, without routes.
"""

from __future__ import annotations

from flask import Flask

from app.accounts.consents import StateSigner
from app.causes import mask_passwords_of
from app.config import Config
from app.crypto import Cipher, keys_of
from app.database.engine import CHILD_POOL, WEB_POOL, PoolSize, configure_engines, engine_options
from app.extensions import db
from app.logs import LoggedFlask, configure_logging
from app.queues import connect_redis
from app.rotation import register_rotation
from app.settings import process_config
from app.storage import StorageSettings, open_storage


def create_app(config: Config | None = None) -> Flask:
    """Return the application with API and admin pages; by default, configured from this process."""
    # Imported here, so that workers and the scheduler start faster without it.
    from app.admin import register_admin
    from app.api import register_api
    from app.database.migrating import register_migrations

    app = create_base(config or process_config(), WEB_POOL)
    register_api(app)
    register_admin(app)
    register_rotation(app)
    register_migrations(app)
    return app


def create_base(config: Config, pool: PoolSize = CHILD_POOL) -> Flask:
    """Return an application with the state but without any route."""
    configure_logging(config)
    mask_passwords_of(config.database_url, config.redis_url)
    app = LoggedFlask("app")
    app.config.update(
        SETTINGS=config,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(config.database_url, pool),
    )
    keys = keys_of(config)
    app.extensions["cipher"] = Cipher(keys)
    app.extensions["states"] = StateSigner(keys)
    app.extensions["redis"] = connect_redis(config.redis_url)
    app.extensions["storage"] = open_storage(
        StorageSettings(
            video_dir=config.video_dir,
            endpoint_url=config.r2_endpoint_url,
            bucket=config.r2_bucket,
            access_key_id=config.r2_access_key_id,
            secret_access_key=config.r2_secret_access_key,
            public_url=config.public_url,
            signing_keys=keys,
        )
    )
    db.init_app(app)
    with app.app_context():
        configure_engines()
    return app
