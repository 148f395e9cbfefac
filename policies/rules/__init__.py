"""Rules of deployment: one folder each, with what it says (`rule.yaml`), the check, and cases that pass and fail.

Pure: resources in, breaches out. `policies.catalogue` reads the folders, `policies.judge` runs them.
"""
