"""What the service measures of itself: counted once, added up for ever, read without counting.

`figures` is what is counted, pure; `counting` reads it from the rows; `rolling` adds it up in the
tallies, a minute or two behind; `exposition` words it for Prometheus. Windows are read by
`app.queries.metrics`.
"""
