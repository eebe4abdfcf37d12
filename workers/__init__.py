"""Everything that runs beside the API: workers, the scheduler, and a handler per platform."""
