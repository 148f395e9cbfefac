"""`python -m pii_vault.main`: the vault's two listeners, in as many worker processes as the settings say."""

import contextlib
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from pii_vault import logs
from pii_vault.certificates import end_in
from pii_vault.config import SettingsProblem, VaultSettings, load_settings
from pii_vault.errors import VaultError
from pii_vault.transport import Listener, ServerTls, TransportProblem, browser_tls, serve_listeners

logger = logging.getLogger(__name__)

# Batches make many short-lived objects and no cycles: the collector's default pace would be a tenth of the work.
GC_THRESHOLD = 50_000


def main() -> int:
    """Exit code 0 after a drain, 1 when something is broken, 2 when the settings are."""
    try:
        settings = load_settings()
    except SettingsProblem as error:
        return _fail(str(error), hint="set LARETS_ENV and LARETS_VAULT_*; see pii_vault/config.py", code=2)
    logs.configure(settings.log_level)
    try:
        with _metrics_folder() as folder:
            _serve(settings, folder)
    except TransportProblem as error:
        return _fail(str(error))
    except VaultError as error:
        return _fail(error.detail)
    return 0


def _serve(settings: VaultSettings, metrics_dir: Path) -> None:
    # Imports make thousands of objects and no garbage: the collector's passes would be a fifth of their time.
    gc.disable()
    # Imported only now: the counters look for their folder when they are made.
    from pii_vault.assemble import open_keys  # noqa: PLC0415
    from pii_vault.hosts import applications  # noqa: PLC0415

    keys = open_keys(settings)
    tls = ServerTls(
        settings.service_cert,
        settings.service_key,
        {"private": settings.private_ca, "public": settings.public_ca},
    )
    browser = browser_tls(settings.browser_cert, settings.browser_key)
    used: dict[str, Callable[[], datetime]] = {"service": tls.context.ends}
    used["outbox"] = partial(end_in, settings.outbound_cert)  # the worker's, which has no page of its own to tell it
    if browser:
        used["browser"] = browser.context.ends
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)
    serve_listeners(
        [
            Listener(settings.browser_bind, browser),
            Listener(settings.service_bind, tls),
        ],
        partial(applications, settings, keys, metrics_dir, used),
        workers=settings.workers,
    )


@contextlib.contextmanager
def _metrics_folder() -> Iterator[Path]:
    """Where the workers keep their counters, so that /metrics of any of them shows all."""
    folder = Path(tempfile.mkdtemp(prefix="larets-metrics-"))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fail(message: str, *, hint: str = "", code: int = 1) -> int:
    sys.stderr.write(f"larets-vault: error: {message}\n")
    if hint:
        sys.stderr.write(f"larets-vault: hint: {hint}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
