"""Payments: each is made once, however often it is asked for."""

import threading

from services.serving import Refusal, serve

payments = {}
lock = threading.Lock()


def pay(body, key):
    amount = body.get("amount")
    if not isinstance(amount, int) or amount <= 0:
        raise Refusal(400, f"amount: {amount!r} is no whole number above 0")
    with lock:
        payment = payments.setdefault(key, {"key": key, "amount": amount})
    if payment["amount"] != amount:
        raise Refusal(409, f"{key} was paid with another amount")
    return payment


if __name__ == "__main__":
    serve({("PUT", r"/payments/([\w-]+)"): pay, ("GET", "/payments"): lambda _: list(payments.values())})
