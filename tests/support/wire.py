"""A wire between two programs on loopback that can be cut and mended, as a cable can: nothing
is closed, nothing arrives."""

import contextlib
import socket
import threading
import time


class Wire:
    """Listens on `port` and passes on to `target`, as long as it is whole."""

    def __init__(self, target: int):
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._over = False
        self._sockets = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._whole.clear()

    def mend(self):
        """Packets of the connections from before are gone for good: those are reset."""
        for one in self._sockets:
            _reset(one)
        self._sockets.clear()
        self._whole.set()

    def close(self):
        self._over = True
        self._server.close()
        self.mend()

    def _accept(self):
        while not self._over:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            self._whole.wait()
            try:
                there = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                here.close()
                continue
            there.settimeout(None)
            self._sockets += [here, there]
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while data := source.recv(65536):
                while not self._whole.is_set():
                    time.sleep(0.01)
                sink.sendall(data)
        except OSError:
            pass
        _reset(source)
        _reset(sink)


def _reset(one: socket.socket):
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
