"""Send an enrolment's code to its phone."""

from datetime import datetime
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

from kernel.seal import unseal_text
from loyalty.models import Challenge
from loyalty.services.enrol import sealed_for
from loyalty.sms import gateway


def send_code(*, challenge_id: UUID, at: datetime) -> None:
    """Send the code once, in the reader's language, and forget it. One that is over is not sent any more."""
    challenge = Challenge.objects.select_related("programme").get(pk=challenge_id)
    if not challenge.sealed or challenge.expires_at <= at:
        return
    code = unseal_text(challenge.sealed, bound_to=sealed_for(challenge.pk))
    with translation.override(challenge.language):
        text = _("%(programme)s : votre code est %(code)s. Il vaut 10 minutes. Ne le donnez à personne.")
        said = text % {"programme": challenge.programme.name, "code": code}
    gateway().send(phone=challenge.phone, text=said, key=str(challenge.pk))
    Challenge.objects.filter(pk=challenge.pk).update(sealed="")
