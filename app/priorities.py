"""Default priorities, on the scale of 1 to 10, where the higher goes first. Pure data."""

DEFAULT_PRIORITY = 5
SCHEDULED_PRIORITY = 3
