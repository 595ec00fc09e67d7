"""A server below HTTP: a function of the test speaks with each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket], None]
Wrap = Callable[[socket.socket], socket.socket]


@contextmanager
def raw_server(talk: Talk, wrap: Wrap = lambda connection: connection) -> Iterator[int]:
    """Serve on a free port; its number. A connection ends when its function returns or the client leaves.

    :param wrap: puts TLS around a new connection
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError), wrap(connection) as wrapped:
            talk(wrapped)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def read_request(connection: socket.socket) -> bytes:
    """The head of a request; its body, if there is one, stays unread."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(1 << 16)
        if not piece:
            raise ConnectionError("the client left")
        head += piece
    return head
