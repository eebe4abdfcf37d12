"""Marks for tests that need only one kind of database.

Without a mark a test runs on both. A module chooses one by its `pytestmark`.
"""

import pytest

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
