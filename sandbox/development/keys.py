"""The development stack's own keys, generated once under `var/` and reused by later runs."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path


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
    path = var_dir / "development.json"
    if path.exists():
        return DevelopmentKeys(**json.loads(path.read_text()))
    fresh = DevelopmentKeys()
    var_dir.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(fresh), indent=2) + "\n")
    return fresh
