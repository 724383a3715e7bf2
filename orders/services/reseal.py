"""What the shop keeps sealed, for `rotate_keys`: files of grouped orders and the people in them."""

from kernel.reseal import sealed_column
from orders.models import BulkLine, BulkUpload
from orders.selectors_bulk import line_binding
from orders.services.bulk_upload import upload_binding

SEALED = (
    sealed_column(
        "files of people", BulkUpload, "sealed", lambda upload: upload_binding(upload.bulk), at_once=5
    ),
    sealed_column("lines of people", BulkLine, "sealed", line_binding),
)
