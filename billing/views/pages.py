"""`/releves/`: the last statement, with what to pay first, earlier ones, and all that they list (S1)."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import CreditAccount, Statement
from billing.selectors.amounts import position_of
from billing.selectors.debit import mandate_state
from billing.selectors.statements import (
    earlier_statements,
    first_operations,
    interest_of,
    last_statements,
    newest_account,
    operations,
    statements_through,
)
from billing.services.paper import figures_of, signed
from billing.views.common import own_account, own_statement, reader, shell
from billing.views.faq import Own, day_of_month, questions
from billing.views.pay import pay_panel
from kernel.access import Audience, allow
from kernel.calendar import local_date
from kernel.shortcuts import render_page

LINES, INTEREST, HISTORY, OLDER = 20, 20, 12, 3
SHOWN = OLDER + 2  # the statement itself, some before it, and one more to know that there are


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The last statement of the account opened last."""
    rows = last_statements(reader(request), size=SHOWN)
    account = rows[0].account if rows else newest_account(reader(request))
    if account is None:
        return render(request, "billing/none.html", shell())
    return _page(request, account, rows)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def account(request: HttpRequest, account_id: int) -> HttpResponse:
    rows = last_statements(reader(request), account_id=account_id, size=SHOWN)
    return _page(request, rows[0].account if rows else own_account(request, account_id), rows)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def statement(request: HttpRequest, number: str) -> HttpResponse:
    rows = statements_through(number, holder_id=reader(request), size=SHOWN)
    if not rows:
        raise Http404
    return _page(request, rows[0].account, rows)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def simulation(request: HttpRequest, number: str) -> HttpResponse:
    """What a payment chosen on the page costs in interest, before it is made (S1.3)."""
    now, found = timezone.now(), own_statement(request, number)
    if not _is_newest(found.account, found):
        raise Http404
    panel = pay_panel(found, position_of(found.account, found, at=now), request.GET, at=now)
    context = shell(account=found.account, statement=found, pay=panel)
    status = 422 if panel.problem else 200
    return render_page(request, "billing/simulation.html", context, fragment="payer", status=status)


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def lines(request: HttpRequest, number: str) -> HttpResponse:
    """More of what a statement lists, by key."""
    found = own_statement(request, number)
    page = operations(found.account_id, found.pk, after=_cursor(request), size=LINES)
    context = shell(account=found.account, statement=found, page=page)
    return render_page(request, "billing/lines.html", context, fragment="suite")


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def running(request: HttpRequest, account_id: int) -> HttpResponse:
    """More of what no statement lists yet, by key."""
    found = own_account(request, account_id)
    page = operations(found.pk, None, after=_cursor(request), size=LINES)
    context = shell(account=found, page=page)
    return render_page(request, "billing/lines.html", context, fragment="suite")


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def interest(request: HttpRequest, number: str) -> HttpResponse:
    """More of a statement's interest, by key."""
    found = own_statement(request, number)
    after = request.GET.get("apres", "")
    known = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    rows = interest_of(found.pk, after=known, size=INTEREST)
    context = shell(account=found.account, statement=found, **_interest(rows))
    return render_page(request, "billing/interest.html", context, fragment="suite")


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def history(request: HttpRequest, account_id: int) -> HttpResponse:
    """Every statement of an account, the newest first."""
    found = own_account(request, account_id)
    before = _day(request.GET.get("avant", ""))
    rows = earlier_statements(found.pk, before_on=before, size=HISTORY + 1)
    context = {
        "active": "statements",
        "account": found,
        "statements": rows[:HISTORY],
        "next_cursor": f"{rows[HISTORY - 1].closes_on:%Y%m%d}" if len(rows) > HISTORY else None,
    }
    return render_page(request, "billing/history.html", context, fragment="suite")


def _page(request: HttpRequest, account: CreditAccount, rows: list[Statement]) -> HttpResponse:
    now = timezone.now()
    shown = rows[0] if rows else None
    is_newest = shown is None or _is_newest(account, shown)
    lists: list[UUID | None] = [shown.pk] if shown else []
    listed = first_operations(account.pk, [*lists, None] if is_newest else lists, size=LINES)
    context: dict[str, Any] = shell(
        account=account,
        statement=shown,
        is_newest=is_newest,
        older=rows[1 : OLDER + 1],
        has_older=len(rows) > OLDER + 1,
        page=listed[shown.pk] if shown else None,
        since=listed.get(None),
    )
    if shown is not None:
        context |= {
            "figures": figures_of(shown),
            "closing": signed(shown.closing_minor, shown.currency, get_language() or "fr"),
        }
        context |= _interest(interest_of(shown.pk, size=INTEREST) if shown.interest_minor else [])
    if is_newest:
        context |= _newest(account, shown, context["page"], now)
    return render(request, "billing/statement.html", context)


def _newest(account: CreditAccount, shown: Statement | None, page: Any, now: datetime) -> dict[str, Any]:
    """What only the last statement says: what is left to pay, debits, the billing day, questions."""
    position = position_of(account, shown, at=now)
    debit = mandate_state(account.pk)
    own = Own(
        account=account,
        statement=shown,
        position=position,
        debit=debit,
        lines=page.items if page else (),
        listed_all=page is not None and page.next_cursor is None,
    )
    return {
        "position": position,
        "pay": pay_panel(shown, position, None, at=now) if shown and position.owed_minor else None,
        "debit": debit,
        "may_object": debit.last is not None and debit.last.may_object(local_date(now)),
        "questions": questions(own),
        "billing_day": day_of_month(account.billing_day),
        "next_billing_day": day_of_month(account.next_billing_day) if account.next_billing_day else "",
    }


def _interest(rows: list[Any]) -> dict[str, Any]:
    shown = rows[:INTEREST]
    return {"interest": shown, "interest_cursor": shown[-1].pk if len(rows) > INTEREST else None}


def _is_newest(account: CreditAccount, statement: Statement) -> bool:
    """The running cycle begins the day after the last one closed."""
    return statement.closes_on + timedelta(days=1) == account.starts_on


def _cursor(request: HttpRequest) -> UUID:
    try:
        return UUID(request.GET.get("apres", ""))
    except ValueError as unknown:
        raise Http404 from unknown


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date without a time
    except ValueError:
        return None
