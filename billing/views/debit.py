"""Direct debit: a mandate is signed and ended here, and a debit objected to (S1.5)."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from billing.errors import (
    CollectionNotBooked,
    CollectionUnknown,
    CreditAccountClosed,
    IbanInvalid,
    IbanNotDebitable,
    MandateNameMissing,
    MandateUnknown,
    ObjectionReasonMissing,
    ObjectionTooLate,
)
from billing.forms import MandateForm, ObjectionForm
from billing.models import CreditAccount
from billing.selectors.debit import CollectionView, collections_of, mandate_state
from billing.selectors.statements import account_of_collection
from billing.services.mandate import end_mandate, sign_mandate
from billing.services.objection import object_to_debit
from billing.views.common import own_account, reader, shell
from kernel.access import Audience, allow
from kernel.calendar import local_date

METHODS = ["GET", "HEAD", "POST"]
MOST = 12  # the last year's debits


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
@reauthentication_required
def mandate(request: HttpRequest, account_id: int) -> HttpResponse:
    """A bank account is named here, so the password is asked for again."""
    account = own_account(request, account_id)
    if request.method != "POST":
        names = {"titulaire": request.user.get_full_name()}  # type: ignore[union-attr]
        return _mandate_page(request, account, MandateForm(initial=names))
    form = MandateForm(request.POST)
    return _sign(request, account, form) if form.is_valid() else _mandate_page(request, account, form)


@allow(Audience.SIGNED_IN)
@require_POST
def end(request: HttpRequest, account_id: int) -> HttpResponse:
    account = own_account(request, account_id)
    try:
        end_mandate(account_id=account.pk, holder_id=reader(request), at=timezone.now())
    except MandateUnknown:
        messages.warning(request, gettext("Il n'y a plus de mandat en vigueur sur cette carte."))
    else:
        messages.success(
            request, gettext("Le mandat est terminé. Vos prochains relevés sont à payer vous-même.")
        )
    return redirect("billing:account", account.pk)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
def objection(request: HttpRequest, collection_id: int) -> HttpResponse:
    """Asks why first; then the money goes back at once."""
    found = _own_collection(request, collection_id)
    form = ObjectionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            object_to_debit(
                collection_id=collection_id,
                holder_id=reader(request),
                reason=form.cleaned_data["motif"],
                at=timezone.now(),
            )
        except CollectionUnknown as gone:
            raise Http404 from gone
        except (CollectionNotBooked, ObjectionTooLate):
            form.add_error(None, gettext("On ne peut pas, ou plus, s'opposer à ce débit."))
        except ObjectionReasonMissing:
            form.add_error("motif", gettext("Dites-nous en une phrase ce qui n'est pas juste."))
        else:
            messages.success(
                request, gettext("Opposition enregistrée : l'argent revient, et le relevé est à payer.")
            )
            return redirect("billing:index")
    context = shell(collection=found, form=form, today=local_date(timezone.now()))
    return render(request, "billing/objection.html", context, status=422 if form.errors else 200)


def _own_collection(request: HttpRequest, collection_id: int) -> CollectionView:
    account_id = account_of_collection(collection_id, holder_id=reader(request))
    if account_id is None:
        raise Http404
    views = collections_of(account_id, limit=MOST)
    found = next((one for one in views if one.collection_id == collection_id), None)
    if found is None:  # too old to be shown, and so to be objected to
        raise Http404
    return found


def _sign(request: HttpRequest, account: CreditAccount, form: MandateForm) -> HttpResponse:
    try:
        sign_mandate(
            account_id=account.pk,
            holder_id=reader(request),
            iban=form.cleaned_data["iban"],
            name=form.cleaned_data["titulaire"],
            at=timezone.now(),
        )
    except (IbanInvalid, IbanNotDebitable, MandateNameMissing) as refusal:
        form.refuse(refusal)
        return _mandate_page(request, account, form)
    except CreditAccountClosed:
        messages.error(request, gettext("Ce compte est clos : il n'y a plus rien à débiter."))
    else:
        messages.success(request, gettext("Mandat signé : un e-mail vous annonce chaque débit."))
    return redirect("billing:account", account.pk)


def _mandate_page(request: HttpRequest, account: CreditAccount, form: MandateForm) -> HttpResponse:
    context = shell(
        account=account,
        form=form,
        debit=mandate_state(account.pk),
        collections=collections_of(account.pk),
        today=local_date(timezone.now()),
    )
    return render(request, "billing/mandate.html", context, status=422 if form.errors else 200)
