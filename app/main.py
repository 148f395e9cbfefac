"""The public contour's process: serves the browser and the intake listener on one event loop."""

import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import ValidationError
from starlette.types import ASGIApp

from app.compose import build_browser, build_intake, build_services
from app.config import AppSettings
from app.witness.endpoints import build_witness
from app.witness.keys import WitnessKeyProblem
from pii_vault.client import Listener, ServerTls, TransportProblem, browser_tls, configure_logging, serve_listeners

logger = logging.getLogger(__name__)


@asynccontextmanager
async def applications(settings: AppSettings) -> AsyncIterator[Sequence[ASGIApp]]:
    """The two applications, browser first; what they hold open is closed on leaving."""
    services = build_services(settings)
    witness = build_witness(services)
    try:
        yield build_browser(services), build_intake(services, witness=witness)
    finally:
        await services.signin.close()
        await services.relay.close()
        await services.db.close()


def serve(settings: AppSettings) -> None:
    configure_logging(settings.log_level)
    tls = ServerTls(
        settings.intake_cert, settings.intake_key, {"private": settings.private_ca, "public": settings.public_ca}
    )
    browser = browser_tls(settings.browser_cert, settings.browser_key)
    listeners = [Listener(settings.browser_bind, browser), Listener(settings.intake_bind, tls)]
    serve_listeners(listeners, lambda: applications(settings))


def main() -> int:
    try:
        serve(AppSettings())
    except ValidationError as error:
        for entry in error.errors(include_input=False, include_url=False):
            sys.stderr.write(f"app: error: setting {'.'.join(map(str, entry['loc']))}: {entry['msg']}\n")
        return 2
    except (OSError, ValueError, TransportProblem, WitnessKeyProblem) as error:
        sys.stderr.write(f"app: error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
