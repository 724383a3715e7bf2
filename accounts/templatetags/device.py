"""A browser's own description, as people would put it."""

from django import template
from django.utils.translation import gettext

register = template.Library()
# The first that occurs wins: most browsers also claim to be those below them.
BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
NAMES = {"Edg": "Edge", "OPR": "Opera"}
SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "Mac"}


@register.filter
def device(user_agent: str) -> str:
    """« Firefox sur Android »; the description itself when it names no browser we know."""
    browser = next((name for name in BROWSERS if name in user_agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "Linux")
    if not browser:
        return user_agent[:60] or gettext("Appareil inconnu")
    return gettext("%(browser)s sur %(system)s") % {
        "browser": NAMES.get(browser, browser),
        "system": system,
    }
