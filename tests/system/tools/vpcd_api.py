# SPDX-License-Identifier: GPL-2.0-or-later
"""The API on its Unix socket, for tools that time or order requests more exactly than a shell can."""
import http.client
import json
import socket


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("vpcd", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    def __init__(self, path):
        self.connection = Connection(path)

    def request(self, method, path, body=None, headers=None):
        """Returns (status, object). The connection is kept, and opened again when the other side closed it."""
        text = None if body is None else json.dumps(body)
        head = {"Content-Type": "application/json", **(headers or {})}
        self.connection.request(method, path, text, head)
        reply = self.connection.getresponse()
        data = reply.read()
        return reply.status, json.loads(data) if data else None

    def change(self, method, path, body, headers=None):
        """request() that must succeed."""
        status, reply = self.request(method, path, body, headers)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {reply}")
        return reply
