"""The rehearsal's checks, one subject per module. A check returns what it measured, and raises CheckFailed."""
