"""All commands by name, and which run inside a deployed contour. Imports nothing: an image holds a part of it."""

from typing import Final, Literal

Contour = Literal["private", "public"]

# command → (module, what it does); the module has a typer application `cli`.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "up": ("scripts.up", "start both contours and bring one order through"),
    "down": ("scripts.down", "stop the processes of this instance; data stay"),
    "reset": ("scripts.reset", "delete the data and secrets of this instance, after asking"),
    "status": ("scripts.status", "what runs where"),
    "logs": ("scripts.logs", "the logs of all processes"),
    "smoke": ("scripts.smoke.command", "send a fresh order and check who sees what"),
    "leakcheck": ("scripts.leakcheck.command", "plant canary persons and scan everything public"),
    "bench": ("scripts.bench.command", "measure speed against the bare database and cipher"),
    "classify": ("scripts.classify", "find personal data in notes, chats and transcripts"),
    "relay": ("scripts.relay", "what a shop may send outside, and what became of it"),
    "rows": ("scripts.rows.command", "files of rows: values to tokens and back"),
    "audit": ("scripts.audit", "the audit log: verify, export, who looked, go on after a restore"),
    "search": ("scripts.search", "indexes by parts of values: plan, re-index"),
    "keys": ("scripts.keys", "key versions: status, rotate, rewrap, trim"),
    "subject": ("scripts.subject", "a person's rights: find, export, correct, block, erase, prove"),
    "consent": ("scripts.consent", "consents: texts, give, withdraw, list"),
    "tenant": ("scripts.tenant", "shops: create, suspend"),
    "staff": ("scripts.staff", "staff of a shop: invite, roles, second factor"),
    "program": ("scripts.program", "programs that call the vault with a certificate"),
    "shop": ("scripts.shop", "a shop's connections, dictionary and deliveries"),
    "trial": ("scripts.trial", "a shop of its own for checks of a vault in use"),
    "witness": ("scripts.public.witness", "the public contour's witness: its key, what it keeps"),
    "held": ("scripts.public.held", "what the public database holds of an order"),
    "postgres": ("scripts.postgres_settings", "settings of PostgreSQL sized to a machine"),
    "tools": ("scripts.tools.command", "third-party programs for tests and rehearsals"),
    "images": ("scripts.images.command", "container images of both contours, with their lists of contents"),
    "rehearse": ("scripts.rehearse.command", "the deployment on two control planes of this machine"),
    "rehearse-deep": ("scripts.rehearse.deep.command", "the deployment on two real nodes of this machine (root)"),
    "env": ("scripts.env.command", "both halves on their clusters: check, plan, apply, drift, …"),
    "dev": ("scripts.dev", "tokens and secrets of the local instance (dev only)"),
}

# What an image of a contour holds, for `larets env exec`. Each works by the environment of the contour's own processes.
INSIDE: Final[dict[Contour, tuple[str, ...]]] = {
    "private": (
        "audit", "classify", "consent", "keys", "program", "relay", "search", "shop", "staff", "subject", "tenant",
        "trial",
    ),
    "public": ("held", "witness"),
}  # fmt: skip
