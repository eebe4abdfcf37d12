"""What a video file is, what each platform takes, and what has to be done to it for that.

Read without downloading it: `probe` and `facts` say what it is, `frames` takes its pictures.
As data: `video_rules` what a platform takes, `profiles` what to give it. Decided, and carried out
by `workers.media` alone: `rules` what is wrong with it, `plan` the least that helps, `recipe` how.
"""
