"""A small local server that speaks the part of Stripe that `localstripe` lacks: Checkout Sessions.

It also keeps refunds and disputes of its sessions' PaymentIntents, and honours idempotency keys.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class StripeStub:
    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.disputes: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}  # by idempotency key
        self.calls: list[tuple[str, str]] = []
        self.broken = 0  # how many answers to lose after doing the work
        self.refund_status = "succeeded"
        handler = type("Handler", (_Handler,), {"stub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "StripeStub":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def pay(self, session_id: str, *, amount: int | None = None) -> None:
        """The customer types a good card on the hosted page."""
        session = self.sessions[session_id]
        session |= {"status": "complete", "payment_status": "paid"}
        self._intent(session, "succeeded", session["amount_total"] if amount is None else amount)

    def decide_later(self, session_id: str) -> None:
        self.sessions[session_id] |= {"status": "complete"}
        self._intent(self.sessions[session_id], "processing", 0)

    def refuse(self, session_id: str, code: str) -> None:
        self.sessions[session_id] |= {"status": "complete"}
        self._intent(self.sessions[session_id], "requires_payment_method", 0)
        self.sessions[session_id]["payment_intent"]["last_payment_error"] = {
            "code": "card_declined",
            "decline_code": code,
        }

    def dispute(self, session_id: str, status: str) -> None:
        intent = self.sessions[session_id]["payment_intent"]
        intent["latest_charge"]["disputed"] = True
        self.disputes = [
            {"id": "dp_1", "object": "dispute", "payment_intent": intent["id"], "status": status}
        ]

    def _intent(self, session: dict[str, Any], status: str, received: int) -> None:
        paid = status == "succeeded"
        card = {"brand": "visa", "last4": "4242"}
        session["payment_intent"] = {
            "id": session["id"].replace("cs_", "pi_"),
            "object": "payment_intent",
            "status": status,
            "amount_received": received,
            "currency": session["currency"],
            "latest_charge": {
                "id": "ch_1",
                "object": "charge",
                "disputed": False,
                "payment_method_details": {"card": card},
            }
            if paid
            else None,
        }

    def answer(self, method: str, path: str, form: dict[str, str], key: str) -> tuple[int, dict[str, Any]]:
        if key and key in self.answers:
            return 200, self.answers[key]
        status, body = self._route(method, path.removeprefix("/v1/").split("/"), form)
        if key and status == 200:
            self.answers[key] = body
        return status, body

    def _route(self, method: str, parts: list[str], form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if parts[0] == "checkout":
            return self._session_route(method, parts[2:], form)
        match method, parts:
            case "GET", ["refunds"]:
                return 200, _list([r for r in self.refunds if r["payment_intent"] == form["payment_intent"]])
            case "POST", ["refunds"]:
                return self._refund(form)
            case "GET", ["disputes"]:
                return 200, _list(self.disputes)
        return 404, _error("No such thing")

    def _session_route(
        self, method: str, parts: list[str], form: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        match method, parts:
            case "POST", []:
                return self._open(form)
            case "GET", []:
                intent = form["payment_intent"]
                found = [s for s in self.sessions.values() if s["id"].replace("cs_", "pi_") == intent]
                return 200, _list([_collapsed(s) for s in found])
            case "GET", [pk] if pk in self.sessions:
                expanded = any(name.startswith("expand") for name in form)
                return 200, self.sessions[pk] if expanded else _collapsed(self.sessions[pk])
            case "POST", [pk, "expire"] if pk in self.sessions:
                if self.sessions[pk]["status"] != "open":
                    return 400, _error("Only Checkout Sessions with status open can be expired.")
                self.sessions[pk]["status"] = "expired"
                return 200, self.sessions[pk]
        return 404, _error("No such thing")

    def _open(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if form["customer_email"] == "refused@membre.example":
            return 400, _error("Invalid email address", code="email_invalid")
        number = len(self.sessions) + 1
        session = {
            "id": f"cs_test_{number}",
            "object": "checkout.session",
            "url": f"https://checkout.stripe.com/c/pay/cs_test_{number}",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "client_reference_id": form["client_reference_id"],
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "asked": form,
        }
        self.sessions[str(session["id"])] = session
        return 200, session

    def _refund(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        session = next(s for s in self.sessions.values() if _intent_id(s) == form["payment_intent"])
        given = sum(r["amount"] for r in self.refunds if r["payment_intent"] == form["payment_intent"])
        if given + int(form["amount"]) > session["payment_intent"]["amount_received"]:
            return 400, _error("Refund amount is greater than charge amount", code="charge_already_refunded")
        refund = {
            "id": f"re_{len(self.refunds) + 1}",
            "object": "refund",
            "payment_intent": form["payment_intent"],
            "amount": int(form["amount"]),
            "status": self.refund_status,
            "metadata": {"refund_key": form["metadata[refund_key]"]},
        }
        self.refunds.append(refund)
        return 200, refund


def _intent_id(session: dict[str, Any]) -> str:
    return (session["payment_intent"] or {}).get("id", "")


def _collapsed(session: dict[str, Any]) -> dict[str, Any]:
    return {**session, "payment_intent": _intent_id(session) or None}


def _list(data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": data, "has_more": False, "url": "/"}


def _error(message: str, code: str = "") -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": message, "code": code or None}}


class _Handler(BaseHTTPRequestHandler):
    stub: StripeStub

    def do_GET(self) -> None:
        self._reply("GET", urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._reply("POST", self.rfile.read(int(self.headers["Content-Length"] or 0)).decode())

    def _reply(self, method: str, text: str) -> None:
        path = urlsplit(self.path).path
        self.stub.calls.append((method, path))
        key = self.headers.get("Idempotency-Key", "") if method == "POST" else ""
        status, body = self.stub.answer(method, path, dict(parse_qsl(text)), key)
        if self.stub.broken:
            self.stub.broken -= 1
            self.close_connection = True
            return  # done, but nobody hears of it
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass
