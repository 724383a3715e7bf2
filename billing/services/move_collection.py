"""The only writer of a direct debit's state."""

from datetime import datetime

from billing.errors import CollectionUnknown
from billing.models import Collection
from billing.states import COLLECTION_MACHINE, CollectionState


def lock_collection(collection_id: int) -> Collection:
    """A direct debit under its lock; its account's is taken before. Refuses `CollectionUnknown`."""
    found = Collection.objects.select_for_update(no_key=True, of=("self",))
    collection = found.select_related("statement", "mandate", "collection_file").filter(pk=collection_id)
    if (row := collection.first()) is None:
        raise CollectionUnknown(str(collection_id))
    return row


def move_collection(
    collection: Collection, target: CollectionState, *, at: datetime, **facts: object
) -> None:
    """One step, with what it brings; the caller holds the lock. Refuses `TransitionRefused`."""
    COLLECTION_MACHINE.check(CollectionState(collection.state), target)
    for name, value in facts.items():
        setattr(collection, name, value)
    collection.state, collection.changed_at = target, at
    collection.save(update_fields=["state", "changed_at", *facts])
