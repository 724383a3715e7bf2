"""The rules of the four programmes that come with the product: the seeds' own figures (S4)."""

from typing import Any

FAMILY: dict[str, Any] = {
    # S4.1, S4.13: brackets start at their lower figure.
    "accrual": {
        "by": "brackets",
        "brackets": [
            {"from_minor": 0, "to_minor": 500_00, "rate_bp": 0},
            {"from_minor": 500_00, "to_minor": 2_000_00, "rate_bp": 200},
            {"from_minor": 2_000_00, "to_minor": 5_000_00, "rate_bp": 500},
            {"from_minor": 5_000_00, "to_minor": 10_000_00, "rate_bp": 700},
            {"from_minor": 10_000_00, "to_minor": None, "rate_bp": 1000},
        ],
    },
    "activation_days": {"online": 14, "shop": 15},  # S4.2
    "life": {"months": 12},
    "welcome": {  # S4.3
        "trigger": "first_purchase",
        "points": 100,
        "delay_days": 1,
        "life_days": 14,
        "single_purchase": True,
    },
    "redemption": {"cap_bp": 9900, "excluded_categories": ["soldes", "cartes-cadeaux"]},  # S4.4
}
CROISSANT: dict[str, Any] = {
    "accrual": {"by": "tier"},
    "activation_days": {"online": 0, "shop": 0},
    "life": {"idle_days": 90},  # S4.8
    "idle_resets_tier": True,
    "welcome": {"trigger": "enrolment", "points": 100, "delay_days": 0, "life_days": 7},  # S4.6
    "birthday": {  # S4.9
        "days_before": 3,
        "life_days": 14,
        "points": {"guest": 300, "gold": 500, "platinum": 700},
    },
    "tiers": [  # S4.7
        {"code": "guest", "name": "Guest", "from_minor": 0, "rate_bp": 500},
        {"code": "gold", "name": "Gold", "from_minor": 30_000_00, "rate_bp": 700},
        {"code": "platinum", "name": "Platinum", "from_minor": 60_000_00, "rate_bp": 1000},
    ],
    "redemption": {"cap_bp": 2000, "excluded_categories": ["promotions"]},  # S4.6
    "promotion_days": 7,  # S4.10
}
CINEMA: dict[str, Any] = {
    "accrual": {"by": "brackets", "brackets": [{"from_minor": 0, "to_minor": None, "rate_bp": 10_000}]},
    "activation_days": {"online": 0, "shop": 0},
    "life": {"months": 12},
    "redemption": {"cap_bp": 0},
    "rewards": [  # S4, Cinema
        {"code": "5-7", "name": "Place 5/7", "points": 240, "product_slug": "fidelite-5-7"},
        {"code": "7-7", "name": "Place 7/7", "points": 300, "product_slug": "fidelite-7-7"},
    ],
}
MIRABELLE: dict[str, Any] = {
    "accrual": {"by": "brackets", "brackets": [{"from_minor": 0, "to_minor": None, "rate_bp": 200}]},
    "activation_days": {"online": 14, "shop": 14},
    "life": {"months": 12},
    "redemption": {"cap_bp": 5000},
    "rewards": CINEMA["rewards"],
}
# Slug, name and rules.
SHIPPED = (
    ("family", "Family", FAMILY),
    ("croissant", "Croissant", CROISSANT),
    ("cinema", "Cinema", CINEMA),
    ("mirabelle", "Mirabelle", MIRABELLE),
)
