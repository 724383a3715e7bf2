"""`/marchand/`: a merchant's books, for its people."""

from django.urls import path

from merchants.views import portal, portal_disputes, portal_sales, portal_statements, portal_team

app_name = "merchant"
urlpatterns = [
    path("", portal_sales.sales, name="transactions"),
    path("transactions.csv", portal_sales.export, name="export"),
    path("transactions/<str:reference>/", portal_sales.sale, name="transaction"),
    path("transactions/<str:reference>/contester/", portal_disputes.dispute_sale, name="dispute_sale"),
    path("releves/", portal_statements.statements, name="statements"),
    path("releves/<str:number>/", portal_statements.statement, name="statement"),
    path("releves/<str:number>/releve.pdf", portal_statements.statement_file, name="statement_file"),
    path("releves/<str:number>/releve.csv", portal_statements.statement_lines, name="statement_lines"),
    path("releves/<str:number>/facture.pdf", portal_statements.invoice_file, name="invoice"),
    path("releves/<str:number>/contester/", portal_disputes.dispute_statement, name="dispute_statement"),
    path("contestations/", portal_disputes.disputes, name="disputes"),
    path("contestations/<int:dispute_id>/", portal_disputes.dispute, name="dispute"),
    path("contestations/<int:dispute_id>/retirer/", portal_disputes.withdraw, name="withdraw"),
    path("terminaux/", portal_team.terminals, name="terminals"),
    path("terminaux/<str:tid>/appareils/<int:device_id>/", portal_team.revoke, name="device"),
    path("equipe/", portal_team.team, name="team"),
    path("equipe/<int:operator_id>/", portal_team.switch, name="operator"),
    path("equipe/<int:operator_id>/mot-de-passe/", portal_team.password, name="password"),
    path("changer/", portal.switch, name="switch"),
]
