"""What loyalty keeps sealed, for `rotate_keys`: codes of enrolment that wait for their SMS."""

from kernel.reseal import sealed_column
from loyalty.models import Challenge
from loyalty.services.enrol import sealed_for

SEALED = (sealed_column("enrolment codes", Challenge, "sealed", lambda challenge: sealed_for(challenge.pk)),)
