"""Short words for tests of loyalty's pages: a reader, their programme, what a page says."""

import re
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import User
from loyalty.models import Member, Programme
from loyalty.services.ship import join_programme
from tests import factories
from tests.loyalty.points import member, shipped


def reader_of(client: Client, *, cse_programme: str = "mirabelle", **fields: Any) -> User:
    """Somebody signed in, whose CSE takes part in a programme (none for "")."""
    cse = factories.organisation()
    if cse_programme:
        shipped(cse_programme)
        join_programme(organisation_id=cse.pk, programme_slug=cse_programme)
    user = factories.member(cse, **fields)
    client.force_login(user)
    return user


def joined(user: User, of: Programme, **fields: Any) -> Member:
    return member(of, user_id=user.pk, **fields)


def address(name: str, *args: object) -> str:
    return reverse(f"loyalty:{name}", args=args)


def text_of(response: Any) -> str:
    """What a page says, without tags and with plain spaces."""
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(unescape(bare).replace("\u202f", " ").replace("\u00a0", " ").split())


def said(client: Client, name: str, *args: object, status: int = 200, **query: str) -> str:
    response = client.get(address(name, *args), query)
    assert response.status_code == status, response.status_code
    return text_of(response)
