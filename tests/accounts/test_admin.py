"""Django admin of people: operators only, and through the services."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import DetailChange, IdentificationKey
from tests.factories import identification_key, membership, operator, organisation, person, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client):
    return sign_in(client, operator())


def test_every_page_of_the_room_opens(desk):
    rows = [person(phone="+33612345678"), identification_key(), membership(cse=organisation())]
    rows.append(rows[2].organisation)
    for model in admin.site._registry:
        if model._meta.app_label == "accounts":
            url = reverse(f"admin:accounts_{model._meta.model_name}_changelist")
            assert desk.get(url, follow=True).status_code == 200, url
    for row in rows:
        url = reverse(f"admin:accounts_{row._meta.model_name}_change", args=[row.pk])
        assert desk.get(url).status_code == 200, url
    assert desk.get(reverse("admin:accounts_user_add")).status_code == 200


def person_form(user, **changes):
    fields = {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "language": "fr",
        "country": "FR",
        "phone": user.phone,
        "is_active": "on",
        "title": "",
    }
    for prefix in ("memberships", "consents", "detail_changes"):
        fields |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    return {**fields, **changes}


def test_a_fixed_detail_changes_with_a_reason_only(desk):  # S3.10
    user = person(phone="+33612345678")
    url = reverse("admin:accounts_user_change", args=[user.pk])
    page = desk.post(url, person_form(user, phone="0699999999"))
    user.refresh_from_db()
    assert (page.status_code, user.phone) == (200, "+33612345678")
    assert "Dites pourquoi" in page.content.decode()
    page = desk.post(url, person_form(user, phone="0699999999", reason="Faute de frappe", city="Brest"))
    user.refresh_from_db()
    assert (page.status_code, user.phone, user.city) == (302, "+33699999999", "Brest")
    assert DetailChange.objects.get().reason == "Faute de frappe"


def test_who_may_change_people_takes_no_rights_that_were_not_given(client):
    clerk = person(is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["view_user", "change_user"]))
    boss, member = operator(), person()
    sign_in(client, clerk)

    for user in (clerk, boss, member):
        url = reverse("admin:accounts_user_change", args=[user.pk])
        client.post(url, person_form(user, is_staff="on", is_superuser="on", first_name="Changé"))
    password = client.get(reverse("admin:auth_user_password_change", args=[boss.pk]))

    for user in (clerk, boss, member):
        user.refresh_from_db()
    assert [clerk.is_superuser, member.is_superuser, member.is_staff] == [False] * 3
    assert (boss.first_name == "Changé", member.first_name) == (False, "Changé")
    assert password.status_code == 403


def test_a_batch_of_keys_is_made_for_a_cse(desk):  # S3.1
    cse = organisation()
    url = reverse("admin:accounts_identificationkey_changelist") + "lot/"
    assert desk.get(url).status_code == 200
    data = {"organisation": cse.pk, "count": "4", "use_limit": "1", "key_prefix": "A"}
    foreign = organisation().sites.create(name="Ailleurs")
    page = desk.post(url, {**data, "site": foreign.pk})
    assert "autre CSE" in page.content.decode()
    assert not IdentificationKey.objects.exists()
    desk.post(url, data)
    assert IdentificationKey.objects.filter(organisation=cse).count() == 4


def test_a_key_written_by_hand_is_kept_as_it_is_typed_at_sign_up(desk):  # S3.1
    cse = organisation()
    desk.post(
        reverse("admin:accounts_identificationkey_add"), {"organisation": cse.pk, "code": "prune 2026 "}
    )
    assert IdentificationKey.objects.get().code == "PRUNE2026"


def test_actions_revoke_and_approve(desk):
    key, row, orphan = identification_key(), membership(cse=organisation()), membership()
    keys = reverse("admin:accounts_identificationkey_changelist")
    desk.post(keys, {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is not None
    csv = desk.post(keys, {"action": "export", "_selected_action": [key.pk]})
    assert key.code in csv.content.decode("utf-8-sig")
    url = reverse("admin:accounts_membership_changelist")
    desk.post(url, {"action": "approve", "_selected_action": [row.pk, orphan.pk]})
    for one in (row, orphan):
        one.refresh_from_db()
    assert (row.state, orphan.state) == ("approved", "pending")
    assert row.events.get().to_state == "approved"
