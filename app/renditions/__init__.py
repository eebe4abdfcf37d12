"""All that may be done to a rendition: a video made anew for a platform. Owns every commit of it.

`asking` serves the jobs that need one, `claims` and `outcomes` the workers that make them,
`removing` takes them away.
"""
