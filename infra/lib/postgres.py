"""PostgreSQL's own settings, the same wherever it runs."""

from typing import Final

# A failed statement's message quotes the value it failed on, so errors stay out of the server's log ("log" ranks above
# "error" there): the client gets them and names the class of the fault.
PARAMETERS: Final[dict[str, str]] = {
    "max_connections": "120",  # a standby takes no fewer than its primary, or does not start
    "password_encryption": "scram-sha-256",
    "jit": "off",
    "log_min_messages": "log",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# Nobody gets in without TLS and a password; the socket is for the pod's own probes and first start.
ACCESS: Final = "local all all scram-sha-256\nhostssl all all all scram-sha-256\n"


def names(private: bool) -> tuple[str, str, str]:  # noqa: FBT001  which of two
    """Database, owner role, runtime role: the runtime owns nothing and bypasses nothing."""
    database = "vault" if private else "app"
    return database, f"larets_{database}_owner", f"larets_{database}"


def url(role: str, value: str, *, host: str, port: int, database: str) -> str:
    """Libpq address in which `{value}` stands for the password; the server is checked against its certificate."""
    where = f"{host}:{port}/{database}?sslmode=verify-full&sslrootcert=/run/larets/database/ca.crt"
    return f"postgresql://{role}:{{{value}}}@{where}"
