"""What merchants keep sealed, for `rotate_keys`: activation codes, until they are used."""

from kernel.reseal import sealed_column
from merchants.models import Terminal
from merchants.services.activation import binding

SEALED = (
    sealed_column(
        "activation codes", Terminal, "activation_sealed", lambda terminal: binding(terminal.pk), at_once=50
    ),
)
