"""The development stack's own keys: made once under `var/`, so that a second run knows them."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DevelopmentSecrets:
    """What production sets by hand. Worth nothing outside this folder."""

    api_key: str = field(default_factory=lambda: f"dev-{secrets.token_hex(8)}")
    encryption_key: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    )
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    admin_password: str = field(default_factory=lambda: secrets.token_hex(6))
    webhook_secret: str = field(
        default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    )


def development_secrets(var_dir: Path) -> DevelopmentSecrets:
    """Read the keys, or make them the first time."""
    path = var_dir / "development.json"
    if path.exists():
        return DevelopmentSecrets(**json.loads(path.read_text()))
    fresh = DevelopmentSecrets()
    var_dir.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(fresh), indent=2) + "\n")
    return fresh
