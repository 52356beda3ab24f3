"""A way to a server that can be cut, silenced and opened again: what stands between a bot and Slack."""

import socket
from contextlib import suppress
from threading import Thread


class Proxy:
    """A TCP proxy on loopback to one port."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.silent = False
        self.closed = False
        Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Abort every connection, as when a cable is pulled and the kernel notices."""
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):  # it has ended by itself
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._pairs.clear()

    def stop(self) -> None:
        self.closed = True
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.closed:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            self._pairs.append((near, far))
            for source, target in ((near, far), (far, near)):
                Thread(target=self._copy, args=[source, target], daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        born_silent = self.silent
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self.silent or born_silent:
                    target.sendall(data)
        for end in (source, target):
            with suppress(OSError):  # a close alone reaches no peer while the other thread still reads from it
                end.shutdown(socket.SHUT_RDWR)
            end.close()
