"""What a video file is, read without downloading it, and what each platform takes."""
