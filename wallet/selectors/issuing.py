"""How far the cards of a batch are."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from wallet.models import IssueIntent, StockPool
from wallet.selectors.products import place_product_exists
from wallet.states import Hold, IntentState


@dataclass(frozen=True)
class BatchProgress:
    """How far the cards of a batch are. `unknown`: an issuer was called and has not answered.

    `of_places`: how many of them hold cinema places.
    """

    total: int
    issued: int
    failed: int
    unknown: int
    of_places: int
    batch: str

    @property
    def complete(self) -> bool:
        return 0 < self.total == self.issued


@dataclass(frozen=True)
class IssueState:
    """What a batch still waits for: answers of issuers, or codes. `pools` it takes codes from."""

    unanswered: bool
    waiting: bool
    pools: tuple[str, ...]


def batch_progress(batch: str) -> BatchProgress:
    """How far `batch` is, in one query."""
    state = IntentState
    counted = IssueIntent.objects.filter(batch=batch).aggregate(
        total=Count("pk"),
        issued=Count("pk", filter=Q(state=state.ISSUED)),
        failed=Count("pk", filter=Q(state__in=[state.FAILED, state.CANCELLED])),
        unknown=Count("pk", filter=Q(state=state.UNKNOWN)),
        of_places=Count("pk", filter=Q(issuer__startswith="places:")),
    )
    return BatchProgress(batch=batch, **counted)


def batch_of_intent(intent_id: UUID | str) -> str:
    """The batch that an intent belongs to."""
    batch: str = IssueIntent.objects.values_list("batch", flat=True).get(pk=intent_id)
    return batch


def issue_state(batch: str) -> IssueState:
    """What the issuing job needs to know after a run, in one query; what is on hold waits for nobody."""
    intents = IssueIntent.objects.filter(batch=batch, hold=Hold.NONE).order_by()
    rows = list(intents.values_list("state", "issuer").distinct())
    states = {state for state, _ in rows}
    stock = {issuer.partition(":")[2] or "stock" for _, issuer in rows if issuer.partition(":")[0] == "stock"}
    return IssueState(
        unanswered=bool(states & {IntentState.SENT, IntentState.UNKNOWN}),
        waiting=IntentState.PLANNED in states,
        pools=tuple(sorted(stock)),
    )


def issuer_exists(name: str) -> bool:
    """Whether cards can be ordered from the issuer called `name`, e.g. `own` or `places:cine-5`.

    At most one query.
    """
    base, _, argument = name.partition(":")
    if base == "places":
        return place_product_exists(argument)
    if base == "stock":
        return StockPool.objects.filter(slug=argument or "stock").exists()
    return base in settings.ISSUERS
