"""The settings that the service reads."""

from __future__ import annotations

from app.settings import config_from_env


def settings_of_the_reader() -> set[str]:
    """Return every variable that `config_from_env` asks for."""

    class Recorder(dict[str, str]):
        def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
            asked.add(key)
            return default

    asked: set[str] = set()
    config_from_env(Recorder())
    return asked
