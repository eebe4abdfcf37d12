"""A store, and transcodes without a database row."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Config
from app.media.facts import Probe
from app.media.probe import probe
from app.media.recipe import Recipe
from app.renditions.claims import RenditionClaim
from app.storage import Storage, StorageSettings, StoredObject, open_storage
from workers.media.transcoding import transcode


@pytest.fixture
def store(tmp_path: Path) -> Storage:
    return open_storage(StorageSettings(tmp_path / "store", "http://127.0.0.1:8000", "key"))


@pytest.fixture
def settings(base_config: Config, tmp_path: Path) -> Config:
    return replace(base_config, encode_dir=tmp_path / "encode")


def put(store: Storage, path: Path) -> StoredObject:
    """Put a file into the store under its name."""
    with path.open("rb") as body:
        return store.write(path.name, body, path.stat().st_size)


def probed(store: Storage, path: Path) -> Probe:
    """Put a file into the store and probe it."""
    return probe(store, path.name, put(store, path))


def claim_for(store: Storage, key: str, facts: Probe, recipe: Recipe) -> RenditionClaim:
    """Return a claim on a rendition of an object."""
    stored = store.stat(key)
    return RenditionClaim(
        rendition_id="rendition",
        run=1,
        source_key=key,
        source_etag=stored.etag,
        source_bytes=stored.size_bytes,
        duration_seconds=facts.duration_seconds,
        recipe=recipe,
        failures=0,
        lost_runs=0,
    )


@pytest.fixture
def transcoded(
    store: Storage, settings: Config, tmp_path: Path
) -> Callable[[str, Probe, Recipe], tuple[Path, Probe]]:
    """Return a function that transcodes an object and returns the result and its probe."""
    numbers = itertools.count()

    def run(key: str, facts: Probe, recipe: Recipe) -> tuple[Path, Probe]:
        claim = replace(claim_for(store, key, facts, recipe), run=next(numbers))
        _, made = transcode(claim, store, settings, check=lambda: None, progress=lambda share: None)
        assert list(settings.encode_dir.iterdir()) == []
        return tmp_path / "store" / claim.key, made

    return run
