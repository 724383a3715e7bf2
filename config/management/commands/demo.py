from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from accounts.services.demo import DEMO_TOTP_SECRET
from config.demo.merchants import TID
from config.demo.people import (
    BUYER,
    DIRECT_KEY,
    KEY,
    MEMBER,
    MERCHANT,
    NEWCOMER,
    OPERATOR,
    PASSWORD,
    STAFF,
)
from config.demo.places import CARD_TO_REGISTER, NAMED_CARD_TO_REGISTER, SURNAME
from config.demo.prepaid import prepaid_to_register
from config.demo.tell import NotADemo, tell


class Command(BaseCommand):
    help = "Write the demo's data, once, and print its sign-ins."

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("fr"):
            try:
                told = tell(at=timezone.now())
            except NotADemo as refusal:
                raise CommandError("the demo's passwords are public: not in production") from refusal
        if options["verbosity"]:
            self.stdout.write("Demo data written." if told else "Demo data is there already.")
            self.stdout.write(
                f"  {MEMBER}, {NEWCOMER}, {STAFF}, {BUYER}, {MERCHANT}, {OPERATOR}: {PASSWORD}\n"
                f"  {STAFF} and {MERCHANT}, second factor: {DEMO_TOTP_SECRET}\n"
                f"  keys {KEY} (needs approval), {DIRECT_KEY} (approves at once)\n"
                f"  cinema cards to register: {CARD_TO_REGISTER}; {NAMED_CARD_TO_REGISTER} named {SURNAME}\n"
                f"  prepaid card to register: {prepaid_to_register()}\n"
                f"  terminal {TID}: {PASSWORD}"
            )
