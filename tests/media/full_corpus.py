"""`make corpus`: carries out every plan for every file and platform, and checks the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.media.facts import Probe
from app.media.plan import Work, plan_for
from app.media.recipe import Recipe
from app.storage import Storage
from tests.media.conftest import probed
from tests.media.corpus import CORPUS, PLATFORMS, make_film

FILMS = [name for name, film in CORPUS.items() if not isinstance(film.plans, str)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FILMS)
def test_every_plan_yields_a_file_that_fits(
    name: str,
    store: Storage,
    tmp_path: Path,
    transcoded: Callable[[str, Probe, Recipe], tuple[Path, Probe]],
) -> None:
    before = probed(store, make_film(name, tmp_path))
    made: dict[str, Probe] = {}
    for platform in PLATFORMS:
        recipe = plan_for(platform, before).recipe
        if recipe is None:
            continue
        if recipe.digest not in made:
            made[recipe.digest] = transcoded(name, before, recipe)[1]
        after = made[recipe.digest]
        plan = plan_for(platform, after)
        assert (plan.work, plan.refusals) == (Work.NOTHING, ()), (platform, after)
        assert after.duration_seconds == pytest.approx(before.duration_seconds, abs=0.2)
