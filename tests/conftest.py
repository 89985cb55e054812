"""What holds for every test: no deadlines, since timing belongs in the bench."""

from hypothesis import settings

settings.register_profile("ringside", deadline=None)
settings.load_profile("ringside")
