"""The deploy files start what the Procfile does, with settings that exist."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from app.accounts.consent_pages import CONSENT_PAGES
from app.config import ROOT
from app.settings import config_from_env
from tests.settings import settings_of_the_reader
from workers.doctor.conversion import check_conversion

PROCESSES = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line
)
APP: dict[str, Any] = json.loads((ROOT / "app.json").read_text())
BLUEPRINT: dict[str, Any] = yaml.safe_load((ROOT / "render.yaml").read_text())
MADE = {"generator", "generateValue"}
SERVICES: dict[str, dict[str, Any]] = {one["name"]: one for one in BLUEPRINT["services"]}


def variables(owner: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variables of a service or group of the Blueprint, including its groups'."""
    groups = {one["name"]: one for one in BLUEPRINT["envVarGroups"]}
    found: dict[str, dict[str, Any]] = {}
    for one in owner["envVars"]:
        if "fromGroup" in one:
            found |= variables(groups[one["fromGroup"]])
        else:
            found[one["key"]] = one
    return found


#: The settings that each host's file gives.
HOSTS = (APP["env"], variables({"envVars": [{"fromGroup": "publishing"}]}))


@pytest.mark.parametrize("process", ["web", "worker", "scheduler"])
def test_render_starts_what_the_procfile_starts(process: str) -> None:
    service = SERVICES[f"publishing-{process}"]
    assert service["startCommand"] == PROCESSES[process]
    assert service["buildCommand"] == "pip install -r requirements.txt"
    assert ("preDeployCommand" in service) == (process == "web")


def test_render_migrates_before_a_deploy() -> None:
    assert SERVICES["publishing-web"]["preDeployCommand"] == PROCESSES["release"]


@pytest.mark.parametrize("process", ["web", "worker", "scheduler"])
def test_every_process_on_render_has_the_same_settings(process: str) -> None:
    found = variables(SERVICES[f"publishing-{process}"])
    assert set(found) == set(variables(SERVICES["publishing-web"]))
    assert set(found) <= settings_of_the_reader()


def test_what_render_refers_to_is_there() -> None:
    databases = {one["name"] for one in BLUEPRINT["databases"]}
    for service in SERVICES.values():
        for one in variables(service).values() if "envVars" in service else ():
            if "fromDatabase" in one:
                assert one["fromDatabase"]["name"] in databases
            if "fromService" in one:
                source = one["fromService"]
                assert SERVICES[source["name"]]["type"] == source["type"]
                if "envVarKey" in source:
                    assert source["envVarKey"] == one["key"]
                    assert one["key"] in variables(SERVICES[source["name"]])


def test_redis_of_render_drops_nothing_by_itself() -> None:
    assert SERVICES["publishing-redis"]["maxmemoryPolicy"] == "noeviction"


def test_heroku_runs_every_process_of_the_procfile() -> None:
    assert set(APP["formation"]) == set(PROCESSES) - {"release"}


def test_heroku_asks_for_settings_that_there_are() -> None:
    assert set(APP["env"]) <= settings_of_the_reader()


def test_both_ask_for_all_that_connecting_accounts_needs() -> None:
    clients = {page.client for page in CONSENT_PAGES.values()}
    secrets = {f"{client.rpartition('_')[0]}_SECRET" for client in clients}
    wanted = {"CONNECT_RETURN_URLS", *clients, *secrets}
    for given in (APP["env"], variables(SERVICES["publishing-web"])):
        assert wanted <= set(given)


def test_values_written_in_the_files_are_right() -> None:
    for given in HOSTS:
        # As either host generates a secret.
        made = {name: "9f3c" * 16 for name, one in given.items() if MADE & set(one)}
        made |= {"TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
        written = {name: one["value"] for name, one in given.items() if "value" in one}
        config = config_from_env({**made, **written})
        assert config.admin_username and config.admin_password


@pytest.mark.parametrize("given", HOSTS, ids=["heroku", "render"])
def test_conversions_are_possible_within_what_either_host_allows(given: dict[str, Any]) -> None:
    names = ("ENCODE_THREADS", "ENCODE_MEMORY_MB")
    config = config_from_env({name: given[name]["value"] for name in names})
    # Else as many as the machine has, which is far more than the processors that a plan includes.
    assert config.encode_threads
    # With a margin: other videos than the check's need up to 100 MB more.
    margin = replace(config, encode_memory_mb=config.encode_memory_mb - 200)
    found = check_conversion(margin)
    assert found.is_good, found.sentence


def test_value_that_render_generates_is_a_key() -> None:
    """Render generates 256 bits in standard base64, with + and /."""
    generated = base64.b64encode(b"\xfb\xff" * 16).decode()
    assert "+" in generated and "/" in generated
    [key] = config_from_env({"TOKEN_ENCRYPTION_KEYS": generated}).token_encryption_keys
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"token")) == b"token"
