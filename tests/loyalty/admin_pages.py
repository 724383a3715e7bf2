"""What the tests of loyalty's admin share."""

from html.parser import HTMLParser
from typing import Any

from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import person


def url(model: str, page: str, *args: Any) -> str:
    """`page` is Django's (`changelist`) or an action's name."""
    return reverse(f"admin:loyalty_{model}_{page}", args=args)


def text_of(answer: HttpResponse) -> str:
    """What the page says, with ordinary spaces and quotes."""
    said = answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    return said.replace("\u00a0", " ").replace("\u202f", " ")


def reader(client: Client, *codenames: str) -> User:
    """Sign in as staff with these rights of loyalty only."""
    user = person(is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="loyalty", codename__in=codenames)
    user.user_permissions.add(*rights)
    client.force_login(user)
    return user


def typed(page: str) -> dict[str, str]:
    """Everything that the form of one of our pages shows, as a browser would send it back."""
    reading = _FormReader()
    reading.feed(page[page.index("op-page") :])
    return reading.found


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.select = self.textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        name = facts.get("name", "")
        if tag == "input" and name and facts.get("type") != "checkbox":
            self.found[name] = facts.get("value", "")
        elif tag == "input" and "checked" in facts:
            self.found[name] = "on"
        elif tag == "select":
            self.select = name
        elif tag == "option" and "selected" in facts:
            self.found[self.select] = facts["value"]
        elif tag == "textarea":
            self.textarea, self.found[name] = name, ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.found[self.textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.textarea = ""
