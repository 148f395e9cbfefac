"""Programs of others that tests and rehearsals run: built or unpacked here, never shipped and never committed."""
