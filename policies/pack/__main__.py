"""`pulumi preview --policy-pack policies/pack`: the same rules for those who use the official CLI.

A thin adapter. `larets env plan` and `apply` run the rules themselves, since a pack needs the language host.
"""

from policies.pack.adapter import pack

pack()
