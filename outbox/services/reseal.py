"""What the outbox keeps sealed, for `rotate_keys`: mails that wait, or that nobody could send."""

from kernel.reseal import sealed_column
from outbox.models import Mail
from outbox.services.mail import bound_to

SEALED = (sealed_column("mails", Mail, "sealed", lambda mail: bound_to(mail.pk)),)
