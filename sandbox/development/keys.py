"""The development stack's own keys, generated once under `var/` and reused by later runs."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

FILE = "development.json"


@dataclass(frozen=True)
class DevelopmentKeys:
    """The keys that production sets by hand. Worthless outside this folder."""

    api_key: str = field(default_factory=lambda: f"dev-{secrets.token_hex(8)}")
    encryption_key: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    )
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    admin_password: str = field(default_factory=lambda: secrets.token_hex(6))
    webhook_secret: str = field(
        default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    )


def development_keys(var_dir: Path) -> DevelopmentKeys:
    """Read the keys, generating them on the first run."""
    stored = _read(var_dir)
    if stored:
        return DevelopmentKeys(**{one.name: stored[one.name] for one in fields(DevelopmentKeys)})
    fresh = DevelopmentKeys()
    _write(var_dir, asdict(fresh))
    return fresh


def record_api_url(var_dir: Path, url: str) -> None:
    """Store beside the keys where the API is, for what is to call it: its port may vary."""
    stored = _read(var_dir)
    if stored.get("api_url") != url:
        _write(var_dir, {**stored, "api_url": url})


def _read(var_dir: Path) -> dict[str, str]:
    path = var_dir / FILE
    return json.loads(path.read_text()) if path.exists() else {}


def _write(var_dir: Path, values: Mapping[str, str]) -> None:
    """Replace the file as a whole: half of it would lose the key of every stored token."""
    var_dir.mkdir(parents=True, exist_ok=True)
    unfinished = var_dir / f"{FILE}.part"
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(values, indent=2) + "\n")
    unfinished.replace(var_dir / FILE)
