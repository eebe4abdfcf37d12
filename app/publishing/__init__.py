"""All that may be done to a publish job: only here is one made, begun, moved on and ended.

`create` and `steer` serve the API; `claims`, `holding` and `outcomes` serve the workers. Whatever
they change, the row, its timeline and the notifications it causes go into one transaction, and
the wake-ups go out after it.

What others write into a job's row is theirs alone: `app.limits.holds` until when a limit holds it
up, inside a transaction of this package; `app.renditions` which file it waits for, and that it is
due when the file is there. Of `workers.maintenance`, `at_risk` writes what a look ahead has found,
and `retention` deletes the rows of jobs that ended long ago.
"""
