"""Generated examples are held to what they find, not to the clock: the machine may be busy with other tests."""

from hypothesis import settings

settings.register_profile("no-clock", deadline=None)
settings.load_profile("no-clock")
