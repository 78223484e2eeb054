"""Users, kept in a file of DATA_DIR."""

import json
import os
import threading
from pathlib import Path

from services.serving import Refusal, serve

FILE = Path(os.environ["DATA_DIR"], "users.json")
lock = threading.Lock()


def load():
    return json.loads(FILE.read_text()) if FILE.exists() else []


def create(body):
    if "@" not in body.get("email", ""):
        raise Refusal(400, "email is missing")
    with lock:
        users = load()
        if any(user["email"] == body["email"] for user in users):
            raise Refusal(409, f"{body['email']} is taken")
        user = {"id": len(users) + 1, "email": body["email"]}
        FILE.write_text(json.dumps([*users, user]))
    return user


def read(_, number):
    for user in load():
        if user["id"] == int(number):
            return user
    raise Refusal(404, f"no user {number}")


if __name__ == "__main__":
    serve({("POST", "/users"): create, ("GET", r"/users/(\d+)"): read, ("GET", "/users"): lambda _: load()})
