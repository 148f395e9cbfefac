"""The checks of the deep rehearsal, one module each."""
