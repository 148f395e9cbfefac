"""One stack under another passphrase, so that being cut off anywhere loses nothing.

The engine writes the configuration first and the state last. Until that is done a copy of the configuration lies beside
it; whoever goes on puts it back first. The fresh passphrase rests in the contour's folder for as long.
"""

from pathlib import Path

from scripts.env.engine import Engine
from scripts.env.errors import OtherPassphrase
from scripts.env.sealing import OtherFormat, sealer
from scripts.files import write_whole


def change(engine: Engine, fresh: str) -> None:
    """From the contour's passphrase to `fresh`, from wherever a former run was cut off. Raises EngineFailed, Locked."""
    if not is_under(engine, fresh):
        put_back(engine)
        write_whole(_before(engine), engine.file.read_bytes(), mode=0o600)
        engine.change_passphrase(fresh)
    _before(engine).unlink(missing_ok=True)


def is_under(engine: Engine, fresh: str) -> bool:
    """Is all of it, configuration and state, under `fresh`?"""
    deployment = engine.sealed_state().get("deployment") or {}
    state = deployment.get("secrets_providers", {}).get("state", {}).get("salt", "")
    if _before(engine).exists():
        return _opens(state, fresh)
    return _opens(engine.salt, fresh) and (not state or _opens(state, fresh))


def put_back(engine: Engine) -> None:
    """The configuration of before; the state has not been changed yet, or it would be `is_under`."""
    if _before(engine).exists():
        _before(engine).replace(engine.file)


def _before(engine: Engine) -> Path:
    return engine.file.with_suffix(".before")


def _opens(salt: str, passphrase: str) -> bool:
    try:
        sealer(salt, passphrase)
    except (OtherFormat, OtherPassphrase):
        return False
    return True
