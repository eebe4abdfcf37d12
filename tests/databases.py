"""Which database a test runs on, where one kind is enough.

Without a mark a test runs on both. A module takes one kind by its `pytestmark`.
"""

import pytest

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
