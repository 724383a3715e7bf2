"""Somebody of a merchant's in front of a browser."""

from django.test import Client

from accounts.services.demo import enrol_totp
from merchants.models import Merchant, MerchantUser
from merchants.states import MerchantRole
from tests.factories import person, sign_in


def merchant_person(merchant: Merchant, *, role: str = MerchantRole.OWNER, **fields):
    user = person(**fields)
    MerchantUser.objects.create(merchant=merchant, user=user, role=role)
    enrol_totp(user_id=user.pk)
    return user


def at_desk(merchant: Merchant, *, role: str = MerchantRole.OWNER) -> Client:
    """A browser in which somebody of the merchant's has shown a second factor."""
    return sign_in(Client(), merchant_person(merchant, role=role), second_factor=True)
