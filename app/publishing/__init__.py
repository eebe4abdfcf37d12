"""The life of a publish job: creation, claims, progress and end.

`create` and `steer` serve the API; `claims`, `leased` and `outcomes` serve the workers. Each
change writes the row, its timeline and the notifications it causes in one transaction, and sends
the wake-ups after the commit.

A few columns of a job are written elsewhere: `app.limits.holds` writes until when a limit holds
it up, inside a transaction of this package; `app.renditions` which rendition it waits for, its
progress meanwhile, and that it is due once that is ready; `workers.maintenance.at_risk` what a
check ahead of time found. `workers.maintenance.retention` deletes the rows of jobs that ended long
ago.
"""
