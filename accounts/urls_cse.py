"""/cse/: the console of CSE staff, and the operator's queue."""

from django.urls import path

from accounts import views_cse, views_operator

app_name = "cse"
urlpatterns = [
    path("", views_cse.requests_queue, name="queue"),
    path("decider/", views_cse.decide_selected, name="decide"),
    path("demandes/<int:pk>/", views_cse.member, name="request"),
    path("adherents/", views_cse.members, name="members"),
    path("adherents/<int:pk>/", views_cse.member, name="member"),
    path("cles/", views_cse.key_page, name="keys"),
    path("cles/revoquer/", views_cse.revoke, name="revoke"),
    path("cles/export.csv", views_cse.export_keys, name="export_keys"),
    path("changer/", views_cse.switch, name="switch"),
    path("sans-cle/", views_operator.queue, name="unassigned"),
    path("sans-cle/<int:pk>/", views_operator.examine, name="unassigned_request"),
]
