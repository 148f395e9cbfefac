"""Moves a contour's passphrase between its file and the key service. It stays the same: plans and state stay good."""

from scripts.env.edit import set_lines
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.key_service import version_of
from scripts.env.passphrase import Sealed, read_clear
from scripts.files import write_whole


def seal(environment: Environment) -> tuple[int, bool]:
    """Seals what lies in the clear and removes that file; without one, seals anew under the key's newest version.

    Returns the key's version and whether a file in the clear was removed. Raises EnvProblem: nothing was changed.
    """
    kept, clear = _sealed(environment), environment.contour.passphrase
    was_clear = clear.exists()
    text = read_clear(clear) if was_clear else kept.unsealed()
    if not text:
        raise EnvProblem(f"{clear} is empty", hint="put the passphrase of the existing state there")
    if was_clear and kept.resting.exists() and kept.unsealed() != text:
        raise EnvProblem(
            f"{clear} and {kept.resting.name} hold different passphrases; nothing was touched",
            hint="remove the one that does not open the state; `larets env drift` says which opens it",
        )
    prepared = kept.prepared(text)
    kept.adopt(text, prepared)
    clear.unlink(missing_ok=True)
    return version_of(prepared), was_clear


def unseal(environment: Environment) -> None:
    """Back into a file; `state.sealed_by` is taken out of the settings. Raises EnvProblem: nothing was changed."""
    contour, kept = environment.contour, _sealed(environment)
    text = kept.text()
    write_whole(contour.passphrase, text + "\n", mode=0o600)
    try:
        set_lines(contour.settings, {"state": {"backend": environment.settings.state.backend}})
    except BaseException:
        contour.passphrase.unlink()
        raise
    kept.resting.unlink()


def _sealed(environment: Environment) -> Sealed:
    if not isinstance(environment.passphrase, Sealed):
        raise EnvProblem(
            "the settings name no key service for the passphrase",
            hint=f"write `state.sealed_by` into {environment.contour.settings} (infra/README.md), then run this again",
        )
    return environment.passphrase
