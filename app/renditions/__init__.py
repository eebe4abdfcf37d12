"""All operations on renditions, videos transcoded for a platform. Owns every commit of theirs.

`requesting` serves the jobs that need one, `claims` and `outcomes` the workers that transcode, and
`pruning` deletes them.
"""
