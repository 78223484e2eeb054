"""A service over HTTP that speaks JSON, with the standard library alone."""

import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refusal(Exception):
    """An answer that is not 200."""

    def __init__(self, status, error):
        super().__init__(error)
        self.status = status


def serve(routes):
    """Serves on PORT until it is ended. `routes`: {("GET", r"/users/(\\d+)"): function of the body and of the path's groups}."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self):
            size = int(self.headers.get("Content-Length") or 0)
            status, answer = respond(routes, self.command, self.path, self.rfile.read(size))
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    print(f"listening on port {server.server_port}")
    server.serve_forever()


def respond(routes, method, path, sent):
    """The status and the answer."""
    if (method, path) == ("GET", "/health"):
        return 200, {"status": "ok"}
    for (allowed, pattern), answer in routes.items():
        match = re.fullmatch(pattern, path)
        if match and method == allowed:
            try:
                return 200, answer(json.loads(sent or b"{}"), *match.groups())
            except json.JSONDecodeError as error:
                return 400, {"error": f"no JSON: {error}"}
            except Refusal as refusal:
                return refusal.status, {"error": str(refusal)}
    return 404, {"error": f"no {method} {path}"}
