"""Which application a command works on: the one that its environment describes, else the local instance's."""

import importlib
import os
from typing import Final

from pydantic import ValidationError

from app.config import AppSettings
from scripts.voice import fail

ENVIRONMENT: Final = ("LARETS_APP_DATABASE_URL", "LARETS_APP_BROWSER_BIND", "LARETS_SECRETS_DIR")
LOCAL: Final = "scripts.local.instance"
_PREFIX: Final = "LARETS_APP_"


def here() -> AppSettings:
    """The application's settings; ends the command where there are none."""
    if not any(name in os.environ for name in ENVIRONMENT):
        return _local()
    try:
        return AppSettings()  # the fields come from the environment
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors()]
        fail("; ".join(lines), hint="give the command the environment of the application's own processes")


def _local() -> AppSettings:
    """An image holds no local instance, so its module is looked for only here."""
    try:
        instance = importlib.import_module(LOCAL)
    except ModuleNotFoundError:
        fail("no application is described here", hint="`larets env exec` runs a command beside a deployed one")
    told: dict[str, str] = instance.load().app_environment()
    fields = {name.removeprefix(_PREFIX).lower(): value for name, value in told.items() if _PREFIX in name}
    return AppSettings.model_validate(fields | {"environment": told["LARETS_ENV"]})
