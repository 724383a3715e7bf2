# ruff: noqa
import os
from datetime import *
from pathlib import Path
import pytest
from django.test import Client
from django.utils import timezone
from tests.factories import sign_in
from tests.journeys.looks import *
from tests.orders.factories import make_member, make_terms
from tests.factories import person
from tests.wallet.cinema_factories import *
from wallet.models import *
from tests.wallet.cinema_factories import WEEKDAYS
from wallet.states import *

FOLDER = Path("/tmp/faces/shots")
FOLDER.mkdir(parents=True, exist_ok=True)
LOOKS = {
    "phone-light": Looks(PHONE),
    "wide-light": Looks(DESKTOP),
    "phone-dark": Looks(PHONE, "dark"),
    "small": Looks(SMALLEST),
    "wide-dark": Looks(DESKTOP, "dark"),
}


@pytest.mark.parametrize("look", os.environ.get("LOOKS", ",".join(LOOKS)).split(","))
def test_shoot(site, visit, database, look):
    only = os.environ.get("ONLY", "")
    with database():
        make_terms()
        user = make_member(first_name="Nadia")
        cinema = make_cinema(name="Le Mirage", city="Metz", address="3 place des Halles")
        film = make_film(title="Les Vergers de l'Est", minutes=118)
        s = make_screening(
            cinema=cinema,
            film=film,
            room="Salle 4",
            starts_at=timezone.now() + timedelta(days=3, hours=4),
            price_minor=1190,
            language="VF",
            capacity=42,
        )
        night = make_screening(
            cinema=cinema,
            film=make_film(title="Le Très Long Voyage des Mirabelliers de Lorraine"),
            room="Grande salle Premium 12",
            starts_at=paris(2026, 12, 5, 0, 40),
            price_minor=1590,
            language="VOST",
            technology="imax",
        )
        gone = make_screening(cinema=cinema, film=film, state="cancelled")
        full = make_screening(cinema=cinema, film=film, capacity=10, taken=10)
        five = make_place_product(name="CinéCarte 5 places")
        tech = make_place_product(
            name="CinéCarte technologique", technologies=["2d", "3d", "imax"], artwork="tech", places=1
        )
        week = make_place_product(name="Place 5/7", weekdays=WEEKDAYS, artwork="reward", places=1)
        c1 = make_place_card(user, 2, product=five, expires_on=s.programme_on)
        make_place_card(user, 1, product=tech)
        make_place_card(user, 5, product=five)
        make_place_card(user, 1, product=week, expires_on=s.programme_on - timedelta(days=1))
        make_place_card(user, 1, product=week, state="blocked")
        poor = person(first_name="Ana")

        def booking(n, screening=s, state="confirmed", seats=3, paid=1, **f):
            now = timezone.now()
            b = Booking.objects.create(
                code=f"K7QW2M9PXT4{n}",
                customer=user,
                screening=screening,
                seats=seats,
                paid_seats=paid,
                price_minor=1190,
                currency="EUR",
                state=state,
                created_at=now,
                **({"confirmed_at": now} if state in ("confirmed", "cancelled") else {}),
                **({"held_until": now + timedelta(minutes=15)} if state == "held" else {}),
                **({"ended_at": now} if state in ("released", "cancelled") else {}),
                **f,
            )
            if seats - paid:
                BookingMeans.objects.create(booking=b, card=c1, places=seats - paid)
            return b

        ok = booking("A")
        moved = booking("B", moved_from=s.starts_at - timedelta(days=1))
        free = booking("C", seats=2, paid=0)
        held = booking("D", state="held")
        rel = booking("E", state="released")
        can = booking("F", state="cancelled", end="customer")
        off = booking("G", state="cancelled", end="screening", screening=gone)
        ok2 = booking("H", screening=night)
        cookie = sign_in(Client(), user).cookies["sessionid"].value
        cookie2 = sign_in(Client(), poor).cookies["sessionid"].value
    page = visit(site, LOOKS[look], {"sessionid": cookie})
    pages = {
        "seats": f"/cinema/seances/{s.pk}/",
        "seats-bad": f"/cinema/seances/{s.pk}/?places=99",
        "seats-full": f"/cinema/seances/{full.pk}/",
        "seats-gone": f"/cinema/seances/{gone.pk}/",
        "tariffs": f"/cinema/seances/{s.pk}/tarifs/?places=3",
        "tariffs-9": f"/cinema/seances/{s.pk}/tarifs/?places=10",
        "tariffs-night": f"/cinema/seances/{night.pk}/tarifs/?places=1",
        "tariffs-gone": f"/cinema/seances/{gone.pk}/tarifs/?places=2",
        "list": "/cinema/reservations/",
        **{
            f"b-{n}": f"/cinema/reservations/{b.number}/"
            for n, b in dict(
                ok=ok, moved=moved, free=free, held=held, released=rel, cancelled=can, off=off, night=ok2
            ).items()
        },
        "b-cancel": f"/cinema/reservations/{ok.number}/annuler/",
    }
    faults = {}
    for name, address in pages.items():
        if only and not any(name.startswith(o) for o in only.split(",")):
            continue
        page.goto(address)
        page.locator("details.panel").evaluate_all("d => d.forEach(x => x.open = true)")
        page.screenshot(path=FOLDER / f"{name}-{look}.png", full_page=True, animations="disabled")
        f = (
            accessibility_faults(page)
            + (target_faults(page) if look.startswith("phone") else [])
            + structure_faults(page)
        )
        if look == "small":
            f += overflow_faults(page)
        if f:
            faults[name] = f
    for k, v in faults.items():
        print("FAULT", look, k, v)
