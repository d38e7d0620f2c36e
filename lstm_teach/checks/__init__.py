"""Is it right, and if not, what went wrong?"""
