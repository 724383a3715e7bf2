"""Reads of the wallet; each has a fixed number of queries."""

from wallet.selectors.cards import (
    DONE_SHOWN,
    HistoryLine,
    Section,
    WalletOverview,
    card_history,
    card_summary,
    cards_of,
    cursor_of,
    soonest_card,
    usable_cards,
    wallet_overview,
)
from wallet.selectors.issuing import (
    BatchProgress,
    IssueState,
    batch_of_intent,
    batch_progress,
    issue_state,
    issuer_exists,
)
from wallet.selectors.links import (
    LinkOffer,
    SentCard,
    card_behind_link,
    link_offer,
    open_link,
    sent_cards,
    token_hash,
)
from wallet.selectors.places import PlaceUse, place_uses
from wallet.selectors.summaries import CardSummary, PlaceSummary

__all__ = [
    "DONE_SHOWN",
    "BatchProgress",
    "CardSummary",
    "HistoryLine",
    "IssueState",
    "LinkOffer",
    "PlaceSummary",
    "PlaceUse",
    "Section",
    "SentCard",
    "WalletOverview",
    "batch_of_intent",
    "batch_progress",
    "card_behind_link",
    "card_history",
    "card_summary",
    "cards_of",
    "cursor_of",
    "issue_state",
    "issuer_exists",
    "link_offer",
    "open_link",
    "place_uses",
    "sent_cards",
    "soonest_card",
    "token_hash",
    "usable_cards",
    "wallet_overview",
]
