"""The addresses of grouped orders, part of the `orders` names."""

from django.urls import path, register_converter

from orders.views import bulk


class BulkNumber:
    """`GRP-12` in an address, 12 in a view."""

    regex = "GRP-[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("GRP-"))

    def to_url(self, value: int | str) -> str:
        return value if isinstance(value, str) else f"GRP-{value}"


class LineNumber:
    """A line of a file: no file has so many that the database could not count them."""

    regex = "[0-9]{1,9}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(BulkNumber, "bulk")
register_converter(LineNumber, "line")

bulk_patterns = [
    path("commandes/groupees/", bulk.bulk_list, name="bulk_list"),
    path("commandes/groupees/nouvelle/", bulk.bulk_new, name="bulk_new"),
    path("commandes/groupees/exemple.csv", bulk.bulk_example, name="bulk_example"),
    path("commandes/groupees/<bulk:pk>/", bulk.bulk, name="bulk"),
    path("commandes/groupees/<bulk:pk>/suivi/", bulk.bulk_state, name="bulk_state"),
    path("commandes/groupees/<bulk:pk>/fichier/", bulk.bulk_file, name="bulk_file"),
    path("commandes/groupees/<bulk:pk>/commander/", bulk.bulk_place, name="bulk_place"),
    path("commandes/groupees/<bulk:pk>/envois.csv", bulk.bulk_csv, name="bulk_csv"),
    path("commandes/groupees/<bulk:pk>/lignes/<line:line>/renvoyer/", bulk.bulk_resend, name="bulk_resend"),
]
