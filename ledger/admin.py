"""The books in the admin: to be read. Freezing is the one thing that staff may do here."""

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from unfold.admin import ModelAdmin

from ledger.models import Account, AccountEvent, Hold, Lot, Transfer
from ledger.services.freeze import freeze, unfreeze
from ledger.states import AccountKind


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("id", "unit", "kind", "code", "holder", "frozen")
    list_filter = ("kind", "unit", "frozen")
    search_fields = ("id", "=holder", "code")
    actions = ("freeze_accounts", "unfreeze_accounts")

    def has_freeze_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ledger.change_account")

    @admin.action(description=gettext_lazy("Bloquer les comptes choisis"), permissions=["freeze"])
    def freeze_accounts(self, request: HttpRequest, accounts: QuerySet[Account]) -> None:
        self._set_frozen(request, accounts, frozen=True)

    @admin.action(description=gettext_lazy("Débloquer les comptes choisis"), permissions=["freeze"])
    def unfreeze_accounts(self, request: HttpRequest, accounts: QuerySet[Account]) -> None:
        self._set_frozen(request, accounts, frozen=False)

    def _set_frozen(self, request: HttpRequest, accounts: QuerySet[Account], *, frozen: bool) -> None:
        ids = list(accounts.filter(kind=AccountKind.CUSTOMER.value).values_list("pk", flat=True))
        for account_id in ids:
            service = freeze if frozen else unfreeze
            service(account_id=account_id, reason=f"admin {request.user.pk}", at=timezone.now())
        self.message_user(
            request, gettext("Comptes traités : %(count)d.") % {"count": len(ids)}, messages.SUCCESS
        )


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "amount", "debit_account_id", "credit_account_id", "occurred_at")
    list_filter = ("kind",)
    search_fields = ("=id",)


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    list_display = ("id", "account_id", "amount", "remaining", "activates_at", "expires_at")
    list_filter = ("is_open",)
    search_fields = ("=account__id",)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("transfer_id", "account_id", "amount", "state")
    list_filter = ("state",)


@admin.register(AccountEvent)
class AccountEventAdmin(ReadOnlyAdmin):
    list_display = ("account_id", "at", "frozen", "reason")
    search_fields = ("=account__id",)
