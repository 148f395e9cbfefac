"""The public stack for the official CLI: `pulumi up` in this folder. `larets env` runs the same program inline."""

from infra.entry import run_stack

run_stack("public")
