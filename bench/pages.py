"""Pages against a bare Django page on the same server, and whole orders over HTTP by 16 customers at once.

Usage: `python -m bench.pages [--seconds 2] [--rounds 5] [--orders 96]`. Needs PostgreSQL at DATABASE_URL
(default: postgres@127.0.0.1:5432), where it makes and drops a database of its own, and `wrk` on the PATH. The
server is granian with two workers, as in production.

Machines differ and are shared, so only ratios to the bare page of the same minutes are judged. Issue 2 set
its limits where the bare page does 800/s on two cores: 15 orders a second are 15/800 of that, and 0.1 s of
CPU each are 40 times what a bare page then has (2 cores / 800).
"""

import argparse
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.ledger import own_database

PORT, BARE_PORT = 8151, 8152
CUSTOMERS = 16
LEAST_SHARE = 0.35  # of the bare page's rate (issue 2, "Speed")
LEAST_ORDERS = 15 / 800  # orders per bare page
MOST_ORDER_CPU = 0.1 / (2 / 800)  # the CPU of bare pages
CARD = {"number": "4999990000000023", "expiry": "12/30", "cvc": "123", "holder": "Camille"}
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def server(application: str, port: int) -> Iterator[int]:
    """A running granian with `application`; gives its process id and ends it after."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", f"{application}:application"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    command += ["--blocking-threads", "4", "--no-ws", "--log-level", "warning"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until_it_answers(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_until_it_answers(port: int) -> None:
    for _ in range(240):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.25)
        else:
            return
    raise SystemExit("the server does not answer")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, dead or alive."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(entry.name) == pid or int(fields[1]) == pid:
                total += int(fields[11]) + int(fields[12])
    return total / TICKS


def prepare() -> tuple[str, list[str], str]:
    """History for one customer, 16 customers who will buy: cookies, and an order's address."""
    from django.core.management import call_command
    from django.test import Client
    from django.utils import timezone

    from orders.models import Order
    from tests.orders.factories import (
        fill_cart,
        make_agreement,
        make_member,
        make_organisation,
        make_past_orders,
        make_product,
        make_terms,
    )
    from wallet.services.issue import issue_batch
    from wallet.services.plan import CardRequest, plan_issue

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    cse = make_organisation()
    people = [make_member(cse) for _ in range(CUSTOMERS + 1)]
    product = make_product(slug="e-carte")
    make_agreement(people[0], product)
    make_terms()
    reader, now = people[0], timezone.now()
    orders = make_past_orders(reader, product, 60)
    fill_cart(reader, product, (5000, 1), (10000, 1), (1000, 1))
    card = CardRequest(
        face_minor=5000,
        currency="EUR",
        product_name="e-Carte",
        label="CMD-1",
        artwork="ecard",
        issuer="own",
        restriction_text="",
        expires_on=now.date() + timedelta(days=300),
    )
    plan_issue(batch="bench:1", holder_id=reader.pk, cards=[card] * 12, due_at=now, at=now)
    issue_batch(batch="bench:1", at=now)
    cookies = []
    for person in people:
        client = Client()
        client.force_login(person)
        client.get("/panier/")  # a browser keeps its CSRF cookie from the first form on
        cookies.append("; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items()))
    assert Order.objects.count() == 61
    return cookies[0], cookies[1:], f"/commandes/{orders[0].number}/"


@dataclass(frozen=True)
class Load:
    """What a page took: requests per second, and the server's CPU for each in seconds."""

    rate: float
    cpu: float


def load(path: str, cookie: str, seconds: int, *, port: int, pid: int) -> Load:
    """One page by wrk over 16 connections; every answer must be a 200."""
    command = ["wrk", "-t2", f"-c{CUSTOMERS}", f"-d{seconds}s", "-H", f"Cookie: {cookie}"]
    before = cpu_seconds(pid)
    said = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    ).stdout
    cpu = cpu_seconds(pid) - before
    if "Non-2xx" in said:
        raise SystemExit(f"{path} does not answer 200")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    assert rate, said
    assert count, said
    return Load(float(rate[1]), cpu / int(count[1]))


@dataclass
class Customer:
    """A browser without scripts that orders again and again."""

    cookies: dict[str, str]
    connection: http.client.HTTPConnection = field(
        default_factory=lambda: http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    )

    def ask(self, method: str, path: str, data: dict[str, Any] | None = None) -> tuple[str, str]:
        """The body and the address redirected to."""
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if data is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://127.0.0.1:{PORT}",
            }
        self.connection.request(method, path, urlencode(data) if data is not None else None, headers)
        response = self.connection.getresponse()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        body = response.read().decode(errors="replace")
        assert response.status in (200, 302, 303), f"{method} {path}: {response.status}"
        place = urlsplit(response.getheader("Location") or "")
        return body, f"{place.path}?{place.query}" if place.query else place.path

    def order(self) -> None:
        """Product, cart, checkout, hosted page, confirmation: each page seen, each form sent."""
        page, _ = self.ask("GET", "/boutique/e-carte/")
        choice = {"montant": "", "choix": "50", "quantite": "3", "ajouter": "1"}
        self.ask("POST", "/boutique/e-carte/", {**choice, **hidden(page)})
        page, _ = self.ask("GET", "/panier/")
        form = page[page.index('action="/panier/commander/"') :]
        _, bank = self.ask("POST", "/panier/commander/", {**hidden(form), "cgv": "on"})
        page, _ = self.ask("GET", bank)
        _, back = self.ask("POST", bank, {**hidden(page), **CARD})
        while back:
            page, back = self.ask("GET", back)
        assert "Récapitulatif" in page


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the first form of `page`."""
    form = page[page.index('name="csrfmiddlewaretoken"') - 40 :]
    form = form[: form.index("</form>")]
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return dict(found)


def buy(cookies: list[str], each: int) -> float:
    """Orders per second by all customers at once."""
    customers = [Customer(dict(part.split("=", 1) for part in cookie.split("; "))) for cookie in cookies]
    for customer in customers:
        customer.order()  # warm, unmeasured
    failures: list[BaseException] = []

    def shop(customer: Customer) -> None:
        try:
            for _ in range(each):
                customer.order()
        except BaseException as failure:  # noqa: BLE001 (told by the main thread)
            failures.append(failure)

    threads = [threading.Thread(target=shop, args=(customer,)) for customer in customers]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return len(customers) * each / (time.monotonic() - began)


def measure_pages(reader: str, order: str, seconds: int, rounds: int) -> bool:
    pages = {
        "product": "/boutique/e-carte/",
        "cart": "/panier/",
        "orders": "/commandes/",
        "order": order,
        "wallet": "/portefeuille/",
    }
    pairs: dict[str, list[tuple[Load, Load]]] = {name: [] for name in pages}
    with server("bench.bare", BARE_PORT) as bare_pid, server("config.wsgi", PORT) as pid:
        load("/bare/", reader, 2, port=BARE_PORT, pid=bare_pid)  # warm, uncounted
        for path in pages.values():
            load(path, reader, 1, port=PORT, pid=pid)
        for _ in range(rounds):
            # In turn, so that whatever else the machine does weighs on both sides alike.
            for name, path in pages.items():
                bare = load("/bare/", reader, seconds, port=BARE_PORT, pid=bare_pid)
                pairs[name].append((load(path, reader, seconds, port=PORT, pid=pid), bare))
    every = [bare for several in pairs.values() for _, bare in several]
    print(
        f"bare signed-in page, one query: {median(bare.rate for bare in every):.0f}/s, "
        f"CPU {median(bare.cpu for bare in every) * 1000:.1f} ms"
    )
    verdicts = [tell(name, several) for name, several in pairs.items()]
    return all(verdicts)


def tell(name: str, several: list[tuple[Load, Load]]) -> bool:
    """Print one page's figures; whether it is fast enough."""
    share = median(page.rate / bare.rate for page, bare in several)
    passed = share >= LEAST_SHARE
    rate, cpu = median(page.rate for page, _ in several), median(page.cpu for page, _ in several)
    print(
        f"{name}: {rate:.0f}/s, CPU {cpu * 1000:.1f} ms, {share:.0%} of bare, limit {LEAST_SHARE:.0%}: "
        f"{'PASS' if passed else 'FAIL'}"
    )
    return passed


def measure_orders(reader: str, cookies: list[str], orders: int, seconds: int) -> bool:
    each = max(orders // CUSTOMERS, 1)
    with server("bench.bare", BARE_PORT) as bare_pid, server("config.wsgi", PORT) as pid:
        load("/bare/", reader, 2, port=BARE_PORT, pid=bare_pid)  # warm, uncounted
        first = load("/bare/", reader, seconds, port=BARE_PORT, pid=bare_pid)
        before = cpu_seconds(pid)
        rate = buy(cookies, each)
        cpu = (cpu_seconds(pid) - before) / (CUSTOMERS * (each + 1))
        last = load("/bare/", reader, seconds, port=BARE_PORT, pid=bare_pid)
    bare = Load((first.rate + last.rate) / 2, (first.cpu + last.cpu) / 2)
    fast, lean = rate / bare.rate >= LEAST_ORDERS, cpu / bare.cpu <= MOST_ORDER_CPU
    print(f"whole order over HTTP, {CUSTOMERS} customers at once; bare page {bare.rate:.0f}/s:")
    print(
        f"  {rate:.1f} orders/s, {rate / bare.rate:.2%} of bare, limit {LEAST_ORDERS:.2%} "
        f"({bare.rate * LEAST_ORDERS:.1f}/s here): {'PASS' if fast else 'FAIL'}"
    )
    print(
        f"  server CPU {cpu:.3f} s each, {cpu / bare.cpu:.0f} bare pages, limit {MOST_ORDER_CPU:.0f} "
        f"({bare.cpu * MOST_ORDER_CPU:.3f} s here): {'PASS' if lean else 'FAIL'}"
    )
    return fast and lean


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--orders", type=int, default=96)
    args = options.parse_args()
    if not shutil.which("wrk"):
        print("bench.pages is SKIPPED: wrk is not installed (apt-get install wrk)")
        return 0
    with own_database() as url, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DATABASE_URL=url,
            DATA_DIR=folder,
            MIRABELLE_MODE="demo",
            SITE_URL=f"http://127.0.0.1:{PORT}",
            DJANGO_SETTINGS_MODULE="config.settings",
        )
        import django
        from django.db import connection

        django.setup()
        reader, buyers, order = prepare()
        connection.close()
        passed = measure_pages(reader, order, args.seconds, args.rounds)
        passed &= measure_orders(reader, buyers, args.orders, args.seconds)
        connection.close()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
