"""`/releves/`: what is due by credit card, how it came about, and what to do about it (S1)."""

from django.urls import path, register_converter

from billing.views import account, debit, disputes, pages, papers


class StatementNumber:
    """`CC-00000326-20261130`."""

    regex = "CC-[0-9]{8,18}-[0-9]{8}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(StatementNumber, "statement")

app_name = "billing"
urlpatterns = [
    path("", pages.index, name="index"),
    path("cartes/<int:account_id>/", pages.account, name="account"),
    path("cartes/<int:account_id>/date/", account.billing_day, name="day"),
    path("cartes/<int:account_id>/en-cours/", pages.running, name="running"),
    path("cartes/<int:account_id>/historique/", pages.history, name="history"),
    path("cartes/<int:account_id>/prelevement/", debit.mandate, name="mandate"),
    path("cartes/<int:account_id>/prelevement/fin/", debit.end, name="mandate_end"),
    path("prelevements/<int:collection_id>/opposition/", debit.objection, name="objection"),
    path("<statement:number>/", pages.statement, name="statement"),
    path("<statement:number>/simulation/", pages.simulation, name="simulation"),
    path("<statement:number>/operations/", pages.lines, name="lines"),
    path("<statement:number>/interets/", pages.interest, name="interest"),
    path("<statement:number>/releve.pdf", papers.pdf, name="pdf"),
    path("<statement:number>/operations.csv", papers.csv, name="csv"),
    path("operations/<uuid:entry_id>/contester/", disputes.dispute, name="dispute"),
]
