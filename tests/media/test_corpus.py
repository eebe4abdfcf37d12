"""The plan for each file of the corpus on each platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.media.facts import VideoInvalid
from app.media.plan import Plan, plan_for
from app.storage import Storage
from tests.media.conftest import probed
from tests.media.corpus import CORPUS, PLATFORMS, make_film


def short(plan: Plan) -> object:
    """Return a plan in the corpus's notation."""
    return plan.refusals[0].rule if plan.refusals else plan.work


@pytest.mark.parametrize("name", CORPUS)
def test_each_platform_gets_the_least_that_helps(name: str, store: Storage, tmp_path: Path) -> None:
    path, expected = make_film(name, tmp_path), CORPUS[name].plans
    if isinstance(expected, str):
        with pytest.raises(VideoInvalid) as caught:
            probed(store, path)
        assert caught.value.code == expected
        return
    facts = probed(store, path)
    plans = tuple(short(plan_for(platform, facts)) for platform in PLATFORMS)
    assert plans == expected, facts
