"""Sessions: whoever knows a password gets a token."""

import hmac
import secrets

from services.serving import Refusal, serve

PASSWORDS = {"ann": "correct horse", "bob": "battery staple", "eve": "tr0ub4dor"}
sessions = {}


def login(body):
    name, password = body.get("name"), body.get("password", "")
    if name not in PASSWORDS or not hmac.compare_digest(PASSWORDS[name], password):
        raise Refusal(401, "wrong name or password")
    token = secrets.token_hex(16)
    sessions[token] = name
    return {"token": token}


def whoami(_, token):
    if token not in sessions:
        raise Refusal(401, "no such session")
    return {"name": sessions[token]}


def logout(_, token):
    return {"ended": sessions.pop(token, None) is not None}


if __name__ == "__main__":
    session = r"/sessions/(\w+)"
    serve({("POST", "/sessions"): login, ("GET", session): whoami, ("DELETE", session): logout})
