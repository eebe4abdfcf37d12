"""What a video file is, what each platform accepts, and how to bring the two together.

Inspection, without downloading the file: `probe` and `facts` say what it is, `frames` extracts
stills. Data: `video_rules` is what a platform accepts, `profiles` what to give it. Decisions, which
`workers.media` carries out: `rules` finds violations, `plan` the least that fixes them, `recipe`
says how.
"""
