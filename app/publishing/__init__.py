"""All that may be done to a publish job. The only code that changes one; owns every commit.

`create` and `steer` serve the API; `claims`, `holding` and `outcomes` serve the workers. Whatever
they change, the row, its timeline and the notifications it causes go into one transaction, and
the wake-ups go out after it.
"""
