"""What an error of the database reveals."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import StatementError

from tests.factories import make_account


@pytest.mark.parametrize(
    "fault", [{"platform_user_id": "someone at home"}, {"expires_at": "tomorrow"}]
)
def test_error_of_a_statement_tells_none_of_its_values(fault: dict[str, Any]) -> None:
    """It is logged, and stored in RQ's failed registry."""
    make_account(platform_user_id="someone at home")
    with pytest.raises(StatementError) as caught:
        make_account(username="Alice Private", access_token="a secret", **fault)
    assert "secret" not in str(caught.value) and "Private" not in str(caught.value)
