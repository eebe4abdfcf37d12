"""Everything that talks to the platforms: workers, the scheduler and one handler per platform."""
