"""Orders of users, whom the users' service knows."""

import os
import threading
import urllib.error
import urllib.request

from services.serving import Refusal, serve

orders = []
lock = threading.Lock()


def is_user(number):
    try:
        with urllib.request.urlopen(f"{os.environ['EPHEMERAL_USERS_URL']}/users/{number}", timeout=10):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise


def create(body):
    user, items = body.get("user"), body.get("items")
    if not isinstance(user, int) or not is_user(user):
        raise Refusal(422, f"no user {user}")
    if not items:
        raise Refusal(400, "items are missing")
    with lock:
        order = {"id": len(orders) + 1, "user": user, "items": items, "total": sum(item["price"] for item in items)}
        orders.append(order)
    return order


def read(_, number):
    if not 1 <= int(number) <= len(orders):
        raise Refusal(404, f"no order {number}")
    return orders[int(number) - 1]


if __name__ == "__main__":
    serve({("POST", "/orders"): create, ("GET", r"/orders/(\d+)"): read})
