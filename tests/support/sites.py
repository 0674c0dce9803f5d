"""A server with its HTTP ports, for tests of the JSON API and of the web UI's server."""

import contextlib
import http.client
import json
import socket
import time

from launch import accepts, free_port, launch


class Answer:
    """An HTTP answer: status, headers (lower case), body; `json()` is the body read."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Site:
    """What listens on one HTTP port."""

    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None, headers=(), timeout=30):
        """One request on a connection of its own. A body that is no bytes is sent as JSON."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    def connect(self, timeout=30):
        """A socket, for requests that http.client would not make."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def say(self, text, end=False):
        """Sends bytes and reads until the server closes; `end` half-closes first."""
        with self.connect() as wire:
            wire.sendall(text)
            if end:
                wire.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: wire.recv(65536), b""))


class Serving:
    """A server with both of its HTTP ports."""

    def __init__(self, launched, api, ui):
        self.launched, self.api, self.ui = launched, Site(api), Site(ui) if ui else None
        self.process = launched.process

    def resident_kilobytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@contextlib.contextmanager
def serve(exe, *words, ui=False):
    """A server with --http-port, and with a web UI if asked for, until the block ends."""
    api, ui_port = free_port(), free_port() if ui else None
    flags = ["--http-port", str(api), *words]
    flags += ["--headless=false", "--ui-port", str(ui_port)] if ui else []
    with launch(exe, *flags) as launched:
        # It listens for gRPC first, which is what launch waits for.
        while not accepts(api) or (ui and not accepts(ui_port)):
            assert launched.alive(), launched.output()
            time.sleep(0.01)
        yield Serving(launched, api, ui_port)
