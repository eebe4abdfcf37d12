"""Fuzzes every operation: responses conform to the OpenAPI document.

Schemathesis makes requests out of the description, good and bad ones, with and without
credentials. No answer may be a 5xx, of a status or type that is not described, or other than its
schema. Half of the ids in paths are those of things that are there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from app.clock import utcnow
from app.publishing import steer
from tests import IS_THOROUGH
from tests.app.conftest import Caller
from tests.databases import ON_SQLITE
from tests.metrics.test_metrics_api import show_processes

EXAMPLES = 8 if IS_THOROUGH else 4
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
)


@pytest.fixture
def things(app: Flask, alice: Caller) -> dict[str, str]:
    """Ids by their name in paths: a job that has ended, since a stream of another never ends.

    A worker and a scheduler are there, so that the service is ready.
    """
    with app.app_context():
        show_processes(utcnow() + timedelta(hours=1))  # not too old before the last operation
    job_id = alice.publish("TIKTOK")["jobId"]
    with app.app_context():
        steer.cancel(job_id, utcnow())
    return {
        "jobId": job_id,
        "videoId": alice.video_id,
        "accountId": alice.accounts["YOUTUBE"],
        "platform": "TIKTOK",
    }


def operations(app: Flask) -> Iterator[APIOperation[Any, Any]]:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    for found in schema.get_all_operations():
        yield found.ok()


@ON_SQLITE
def test_description_is_valid_openapi_3_1(app: Flask) -> None:
    document = app.test_client().get("/api/openapi.json").json
    assert document is not None and document["openapi"].startswith("3.1")
    validate(document)


@ON_SQLITE
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_described(
    app: Flask,
    auth: Callable[..., dict[str, str]],
    things: dict[str, str],
    mode: GenerationMode,
) -> None:
    tried = 0
    for operation in operations(app):
        tried += 1
        attack(operation, mode, auth("alice"), things)
    assert tried >= 30


def attack(
    operation: APIOperation[Any, Any],
    mode: GenerationMode,
    headers: dict[str, str],
    things: dict[str, str],
) -> None:
    luck = random.Random(operation.label)

    @seed(20261126)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def fire(case: Case) -> None:
        for name, real in things.items():
            if name in case.path_parameters and luck.random() < 0.5:
                case.path_parameters[name] = real
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=list(CHECKS), headers=headers)

    try:
        fire()
    except Unsatisfiable:
        # Nothing that it takes can be wrong: it takes nothing, or any text in its path.
        assert mode is GenerationMode.NEGATIVE
