"""Catalogue, product and terms of sale."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from kernel.access import Audience, allow
from kernel.calendar import last_valid_day, local_date
from kernel.errors import DomainError
from kernel.money import price_after_discount
from kernel.shortcuts import render_page, wants_fragment
from orders.errors import OrderingNotOpen
from orders.forms import ChoiceForm
from orders.models import Product, TermsVersion
from orders.selectors import NO_DISCOUNT, Discount, current_terms, discounts, products_on_sale
from orders.services.cart import add_line


@dataclass(frozen=True)
class Offer:
    """A product with what this visitor's CSE negotiated. Amounts in minor units."""

    product: Product
    discount: Discount
    face_minor: int

    @property
    def price_minor(self) -> int:
        return price_after_discount(self.face_minor, 1, self.discount.rate_bp)


@dataclass(frozen=True)
class Quote:
    """The price of what the form holds now. Minor units."""

    face_minor: int
    quantity: int
    rate_bp: int

    @property
    def worth_minor(self) -> int:
        return self.face_minor * self.quantity

    @property
    def price_minor(self) -> int:
        return price_after_discount(self.face_minor, self.quantity, self.rate_bp)

    @property
    def saving_minor(self) -> int:
        return self.worth_minor - self.price_minor


@allow(Audience.PUBLIC)
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    negotiated = _discounts_for(request)
    offers = [
        Offer(product, negotiated.get(product.pk, NO_DISCOUNT), _usual_amount(product))
        for product in products_on_sale()
    ]
    return render(request, "orders/catalogue.html", {"active": "shop", "offers": offers})


@allow(Audience.PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def product(request: HttpRequest, slug: str) -> HttpResponse:
    item = get_object_or_404(Product, slug=slug, is_active=True)
    if request.method != "POST":
        return _product_page(request, item, ChoiceForm(_starting_values(request, item), product=item))
    if "pas" in request.POST or "calculer" in request.POST:
        return _product_page(request, item, ChoiceForm(_stepped(request, item), product=item))
    return _add_to_cart(request, item)


@allow(Audience.PUBLIC)
@require_safe
def price(request: HttpRequest, slug: str) -> HttpResponse:
    item = get_object_or_404(Product, slug=slug, is_active=True)
    if not wants_fragment(request):
        return redirect(f"{reverse('orders:product', args=[slug])}?{request.GET.urlencode()}")
    data = request.GET.copy()
    if data.get("source") == "choix":
        data["montant"] = ""
    form = ChoiceForm(data, product=item)
    context = {"form": form, "quote": _quote(form, _discount(request, item)), "product": item}
    return render_page(request, "orders/product.html", context, fragment="prix")


@allow(Audience.PUBLIC)
@require_safe
def terms(request: HttpRequest, number: int | None = None) -> HttpResponse:
    now = timezone.now()
    if number is None:
        text = current_terms(at=now)
    else:
        text = get_object_or_404(TermsVersion, number=number, published_at__lte=now)
    return render(request, "orders/terms.html", {"terms": text})


def _add_to_cart(request: HttpRequest, item: Product) -> HttpResponse:
    if not request.user.is_authenticated:
        return _sign_in_then_return(request, item)
    form = ChoiceForm(request.POST, product=item)
    if form.is_valid():
        try:
            add_line(
                customer_id=request.user.pk,
                product_id=item.pk,
                face_minor=form.cleaned_data["montant"],
                quantity=form.cleaned_data["quantite"],
                at=timezone.now(),
            )
        except OrderingNotOpen:
            return redirect("accounts:waiting")
        except DomainError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, gettext("Ajouté à votre panier."))
            return HttpResponseRedirect(reverse("orders:cart"), status=303)
    return _product_page(request, item, form, status=422)


def _sign_in_then_return(request: HttpRequest, item: Product) -> HttpResponse:
    typed = {name: request.POST.get(name, "")[:40] for name in ("choix", "montant", "quantite")}
    back = f"{reverse('orders:product', args=[item.slug])}?{urlencode(typed)}"
    messages.info(request, gettext("Connectez-vous pour commander : votre choix est conservé."))
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': back})}", status=303)


def _product_page(request: HttpRequest, item: Product, form: ChoiceForm, status: int = 200) -> HttpResponse:
    discount = _discount(request, item)
    context = {
        "active": "shop",
        "product": item,
        "discount": discount,
        "form": form,
        "chosen": "" if form.data.get("montant") else form.data.get("choix", ""),
        "chips": [(_as_text(preset), preset) for preset in item.presets],
        "quote": _quote(form, discount),
        "valid_until": last_valid_day(local_date(timezone.now()), item.validity_months),
        # Before the first submission an untouched form has nothing to reproach.
        "show_errors": status == 422,
    }
    return render(request, "orders/product.html", context, status=status)


def _quote(form: ChoiceForm, discount: Discount) -> Quote | None:
    if not form.is_valid():
        return None
    return Quote(form.cleaned_data["montant"], form.cleaned_data["quantite"], discount.rate_bp)


def _starting_values(request: HttpRequest, item: Product) -> dict[str, str]:
    usual = {"choix": _as_text(_usual_amount(item)), "montant": "", "quantite": "1"}
    return {name: request.GET.get(name, default)[:40] for name, default in usual.items()}


def _stepped(request: HttpRequest, item: Product) -> dict[str, Any]:
    data = {name: request.POST.get(name, "") for name in ("choix", "montant", "quantite")}
    form = ChoiceForm(data, product=item)
    if "pas" in request.POST:
        step = -1 if request.POST["pas"] == "-1" else 1
        now = form.cleaned_data.get("quantite", 1) if form.is_valid() or form.cleaned_data else 1
        data["quantite"] = str(min(max(now + step, 1), item.max_quantity))
    return data


def _usual_amount(item: Product) -> int:
    """The amount shown first: a middle preset, as people choose it most."""
    return item.presets[len(item.presets) // 2] if item.presets else item.min_minor


def _as_text(minor: int) -> str:
    whole, cents = divmod(minor, 100)
    return f"{whole},{cents:02d}" if cents else str(whole)


def _discounts_for(request: HttpRequest) -> dict[int, Discount]:
    if not request.user.is_authenticated:
        return {}
    return discounts(request.gate.organisation_id, on=local_date(timezone.now()))  # type: ignore[attr-defined]


def _discount(request: HttpRequest, item: Product) -> Discount:
    return _discounts_for(request).get(item.pk, NO_DISCOUNT)
