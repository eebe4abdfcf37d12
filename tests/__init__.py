"""The tests; `make thorough` runs some of them at full size."""

import os

IS_THOROUGH = os.environ.get("THOROUGH") == "1"
