"""Started by the engine: listens on a loopback port and prints it, as a plugin must."""

import os
import signal
import sys
import threading
from concurrent import futures

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from tests.rehearsal.provider.service import StandIn

WORKERS = 32
LARGEST = 400 * 1024 * 1024


def serve(provider: provider_pb2_grpc.ResourceProviderServicer) -> None:
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=WORKERS), options=[("grpc.max_receive_message_length", LARGEST)]
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    over = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    parent = os.getppid()
    while not over.wait(1) and os.getppid() == parent:  # a killed engine cannot tell us
        pass
    server.stop(grace=0)


if __name__ == "__main__":
    serve(StandIn())
