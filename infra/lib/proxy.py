"""HAProxy's configuration for the edge of a contour. Nothing is logged: an address is used, never kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.lib.names import EDGE_BROWSER, EDGE_SERVICE
from infra.lib.pods import RUN, TEMPORARY

ADMIN: Final = f"{TEMPORARY}/admin.sock"


def watching() -> str:
    """The script that has the proxy take certificates that were mounted anew."""
    return Path(__file__).with_name("certificates.lua").read_text("utf-8").replace("@admin@", ADMIN)


def text(
    *, hosts: Sequence[str], link_host: str, upstream: str, browser_port: int, service_port: int, health_port: int
) -> str:
    """An unknown host gets 421, an unknown server name nothing at all. Without `link_host` the link has no port."""
    # By the pod's own resolver, once: a Service stands before its pods and keeps its address. Without it: no start.
    resolved = "init-addr libc"
    trusted = f"ssl verify required ca-file {RUN}/authority/ca.crt verifyhost {upstream} sni str({upstream})"
    lines = f"""\
global
  maxconn 4000
  stats socket {ADMIN} mode 600 level admin
  lua-load {RUN}/config/certificates.lua
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
  timeout connect 5s
  timeout client 70s
  timeout server 70s
  timeout http-request 20s
  timeout http-keep-alive 65s
frontend health
  mode http
  bind :{health_port}
  monitor-uri /healthz
frontend browsers
  mode http
  bind :{EDGE_BROWSER} ssl crt {RUN}/tls/edge.pem alpn h2,http/1.1
  acl known hdr(host) -i {" ".join(hosts)}
  http-request return status 421 content-type text/plain string "unknown host" unless known
  http-request del-header forwarded
  http-request set-header x-forwarded-for %[src]
  http-response set-header strict-transport-security "max-age=63072000"
  default_backend browser-listener
backend browser-listener
  mode http
  server main {upstream}:{browser_port} {resolved} {trusted}
"""
    if link_host:
        lines += f"""\
frontend link
  mode tcp
  bind :{EDGE_SERVICE}
  tcp-request inspect-delay 5s
  tcp-request content accept if {{ req.ssl_hello_type 1 }} {{ req.ssl_sni -i {link_host} }}
  tcp-request content reject
  default_backend service-listener
backend service-listener
  mode tcp
  server main {upstream}:{service_port} {resolved}
"""
    return lines
