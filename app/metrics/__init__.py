"""The service's own metrics: every event counted once and rolled up, then read without counting.

`figures` defines what is counted and is pure; `counting` reads it from the rows; `rollup` adds it
to the tallies, a minute or two behind. `app.queries.metrics` reads time windows of the tallies,
and `app.api.prometheus` exports their totals to Prometheus.
"""
