import pytest
from django.contrib.admin import site
from django.test import RequestFactory

from accounts.models import User
from ledger import selectors
from ledger.models import Account, AccountEvent, Transfer
from tests.ledger.books import account

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", [Account, Transfer])
def test_the_books_are_read_only_in_the_admin(rf: RequestFactory, model: type[Account]) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_active=True)
    admin = site.get_model_admin(model)
    assert not admin.has_add_permission(request)
    assert not admin.has_change_permission(request)
    assert not admin.has_delete_permission(request)
    assert admin.has_view_permission(request)


def test_staff_freeze_customers_accounts_and_the_books_say_who(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = account(10)
    request = rf.post("/")
    request.user = User(pk=7, is_superuser=True, is_active=True)
    admin = site.get_model_admin(Account)
    monkeypatch.setattr(admin, "message_user", lambda *_: None)
    assert "freeze_accounts" in admin.get_actions(request)
    admin.freeze_accounts(request, Account.objects.all())
    assert selectors.is_frozen(holder)
    assert AccountEvent.objects.get().reason == "admin 7"
    admin.unfreeze_accounts(request, Account.objects.all())
    assert not selectors.is_frozen(holder)
