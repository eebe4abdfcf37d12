"""The priorities of posts that name none, of 1 to 10; the higher goes first. Pure data."""

DEFAULT_PRIORITY = 5
SCHEDULED_PRIORITY = 3
