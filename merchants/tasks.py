"""What merchants do outside requests. Each handler finds out what is already done: it may run twice."""

from merchants.services.activation import DRAW_JOB
from merchants.services.draw import draw_activation
from outbox.registry import handler


@handler(DRAW_JOB)
def code_made(ref: str) -> None:
    draw_activation(ref)
