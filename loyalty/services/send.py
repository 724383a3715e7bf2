"""Send an enrolment's code to its phone."""

from datetime import datetime
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

from kernel.seal import unseal_text
from loyalty.models import Challenge
from loyalty.services.enrol import sealed_for
from loyalty.sms import gateway
from outbox.services.alarm import raise_alarm


def send_code(*, challenge_id: UUID, at: datetime) -> None:
    """Send the code once, in the reader's language, and forget it.

    One that is over is not sent any more: the operators are told, for the gateway has failed all the while.
    """
    challenge = Challenge.objects.select_related("programme").get(pk=challenge_id)
    if not challenge.sealed:
        return
    if challenge.expires_at <= at:
        raise_alarm(code="sms_not_sent", ref=challenge.programme.slug, at=at, note="enrolment code")
        return
    code = unseal_text(challenge.sealed, bound_to=sealed_for(challenge.pk))
    with translation.override(challenge.language):
        text = _("%(programme)s : votre code est %(code)s. Il vaut 10 minutes. Ne le donnez à personne.")
        said = text % {"programme": challenge.programme.name, "code": code}
    gateway().send(phone=challenge.phone, text=said, key=str(challenge.pk))
    Challenge.objects.filter(pk=challenge.pk).update(sealed="")
