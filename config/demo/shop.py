"""What the demo sells: invented brands, drawn by us."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from accounts.models import Organisation
from config.demo.people import Cast
from config.demo.texts import TERMS_EN, TERMS_FR
from kernel.calendar import add_months, local_date
from orders.models import DiscountAgreement, Product, TermsVersion, VatTreatment
from orders.services.agree import sign_agreement
from wallet.models import StockPool
from wallet.services.shelve import shelve_next_piece
from wallet.services.stock import start_import

POOL = "cap-grand-air"
STOCKED_FACES = (20, 50, 100)
CODES_PER_FACE = 15
USE_FR = "En une ou plusieurs fois, soldes et promotions compris."
USE_EN = "In one or several goes, sales and promotions included."
FINAL_FR = (
    "La carte est valable un an à partir de la date d'achat. Elle n'est ni remboursable ni échangeable, "
    "même après expiration."
)
FINAL_EN = "The card is valid for one year from purchase. It can be neither refunded nor exchanged."
ENDLESS_FR = (
    "La carte n'a pas de date limite et reste valable même vide. Elle se recharge de 30 à 3 000 CHF, son "
    "solde ne dépasse jamais 3 000 CHF."
)
ENDLESS_EN = (
    "The card has no end date and stays valid even when empty. It takes top-ups of CHF 30 to 3,000, and its "
    "balance never exceeds CHF 3,000."
)


@dataclass(frozen=True)
class Offer:
    """One product and what our CSE negotiated. Amounts in euros; `ceiling` per member and month."""

    slug: str
    name_fr: str
    name_en: str
    brand: str
    artwork: str
    lead_fr: str
    lead_en: str
    where_fr: str
    where_en: str
    exclusions_fr: str = ""
    exclusions_en: str = ""
    presets: tuple[int, ...] = (10, 20, 30, 50, 100, 150)
    low: int = 10
    high: int = 150
    step_minor: int = 1
    rate_bp: int = 500
    ceiling: int | None = None
    issuer: str = "own"
    vat_treatment: str = VatTreatment.MULTI_PURPOSE
    vat_rate_bp: int = 0
    category: str = "courses"
    currency: str = "EUR"
    final_fr: str = FINAL_FR
    final_en: str = FINAL_EN

    @property
    def is_plain(self) -> bool:
        """Not an e-card: what is said of sales and promotions does not fit."""
        return self.issuer.startswith("places:") or self.issuer == "prepaid"


OFFERS = (
    Offer(
        slug="e-carte-economies",
        name_fr="e-Carte Encore plus d'économies",
        name_en="Even more savings e-card",
        brand="Grand Panier",
        artwork="ecard",
        lead_fr="Vos courses moins chères, dans plus de 2 900 magasins.",
        lead_en="Cheaper groceries in more than 2,900 shops.",
        where_fr=(
            "Hypermarchés, supermarchés et magasins de proximité Grand Panier, plus de 2 900 en France, "
            "dans tous les rayons. Pas aux caisses Scan-Lib ni en libre-service."
        ),
        where_en=(
            "Grand Panier hypermarkets, supermarkets and corner shops, more than 2,900 in France, in every "
            "department. Not at Scan-Lib or self-checkout tills."
        ),
        exclusions_fr="Hors carburant",
        exclusions_en="Fuel excluded",
    ),
    Offer(
        slug="e-carte-marche",
        name_fr="e-Carte Marché frais",
        name_en="Fresh market e-card",
        brand="Les Halles d'à Côté",
        artwork="marche",
        lead_fr="Fruits, légumes et fromages, chez 140 commerçants.",
        lead_en="Fruit, vegetables and cheese at 140 merchants.",
        where_fr="Dans les 140 halles et boutiques partenaires, à toutes les caisses.",
        where_en="At the 140 partner market halls and shops, at every till.",
        exclusions_fr="Hors alcool",
        exclusions_en="Alcohol excluded",
        rate_bp=400,
    ),
    Offer(
        slug="e-carte-maison",
        name_fr="e-Carte Maison",
        name_en="Home e-card",
        brand="Chez Lisière",
        artwork="maison",
        lead_fr="Meubles, lampes et vaisselle, en magasin.",
        lead_en="Furniture, lamps and tableware, in store.",
        where_fr="Dans les 62 magasins Chez Lisière.",
        where_en="In the 62 Chez Lisière stores.",
        presets=(25, 50, 100, 150, 250),
        high=250,
        low=25,
        rate_bp=700,
        category="maison",
    ),
    Offer(
        slug="e-carte-sport",
        name_fr="e-Carte Sport",
        name_en="Sports e-card",
        brand="Cap Grand Air",
        artwork="sport",
        lead_fr="Du vélo au ski, tout pour sortir.",
        lead_en="From bikes to skis, everything for the outdoors.",
        where_fr="Dans les magasins Cap Grand Air, location comprise.",
        where_en="In Cap Grand Air stores, rental included.",
        presets=STOCKED_FACES,
        low=20,
        high=100,
        step_minor=1000,
        rate_bp=600,
        issuer=f"stock:{POOL}",
        category="loisirs",
    ),
    Offer(
        slug="e-carte-culture",
        name_fr="e-Carte Culture",
        name_en="Culture e-card",
        brand="La Page Bleue",
        artwork="culture",
        lead_fr="Livres, disques et jeux, chez 300 libraires.",
        lead_en="Books, records and games at 300 bookshops.",
        where_fr="Chez les 300 libraires et disquaires La Page Bleue.",
        where_en="At the 300 La Page Bleue bookshops and record shops.",
        presets=(10, 20, 25, 50),
        high=100,
        rate_bp=1000,
        ceiling=150,
        category="loisirs",
    ),
    Offer(
        slug="e-carte-jardin",
        name_fr="e-Carte Jardin",
        name_en="Garden e-card",
        brand="Les Quatre Saisons",
        artwork="jardin",
        lead_fr="Plantes, graines et outils, toute l'année.",
        lead_en="Plants, seeds and tools, all year round.",
        where_fr="Dans les 80 jardineries Les Quatre Saisons.",
        where_en="In the 80 Les Quatre Saisons garden centres.",
        rate_bp=0,
        category="maison",
    ),
    Offer(
        slug="e-carte-cinema",
        name_fr="e-Carte Cinéma",
        name_en="Cinema e-card",
        brand="Ciné Belvédère",
        artwork="cinema",
        lead_fr="Pour vos séances, tous les jours.",
        lead_en="For your screenings, any day.",
        where_fr="Aux guichets des trois cinémas Ciné Belvédère.",
        where_en="At the box offices of the three Ciné Belvédère cinemas.",
        exclusions_fr="Hors confiserie",
        exclusions_en="Sweets excluded",
        presets=(10, 20, 30, 50),
        high=100,
        rate_bp=800,
        vat_treatment=VatTreatment.SINGLE_PURPOSE,
        vat_rate_bp=550,
        category="loisirs",
    ),
    *(
        Offer(
            slug=f"cinecarte-{places}-places",
            name_fr=f"CinéCarte {places} places",
            name_en=f"{places}-place cinema card",
            brand="Ciné Belvédère",
            artwork="cinema",
            lead_fr=f"{places} places, à plusieurs ou pour soi, toute l'année.",
            lead_en=f"{places} places, together or alone, all year round.",
            where_fr="En ligne et aux guichets des trois cinémas Ciné Belvédère, pour les séances 2D.",
            where_en="Online and at the three Ciné Belvédère cinemas, for 2D screenings.",
            presets=(euros,),
            low=euros,
            high=euros,
            rate_bp=800,
            issuer=f"places:cine-{places}",
            vat_treatment=VatTreatment.SINGLE_PURPOSE,
            vat_rate_bp=550,
            category="loisirs",
        )
        for places, euros in ((3, 27), (5, 42))
    ),
    Offer(
        slug="carte-alpage",
        name_fr="Carte Alpage",
        name_en="Alpage card",
        brand="Les Commerces de l'Alpage",
        artwork="alpine",
        lead_fr="La carte prépayée des commerces de montagne, que l'on recharge.",
        lead_en="The prepaid card of mountain shops, to be topped up.",
        where_fr="Chez les commerçants qui affichent l'Alpage : boulangeries, magasins de sport, cafés.",
        where_en="At the merchants that show the Alpage sign: bakeries, sports shops, coffee bars.",
        presets=(30, 50, 100, 200),
        low=30,
        high=3_000,
        rate_bp=0,
        issuer="prepaid",
        category="loisirs",
        currency="CHF",
        final_fr=ENDLESS_FR,
        final_en=ENDLESS_EN,
    ),
)


def stock_shop(cast: Cast, *, at: datetime) -> dict[str, Product]:
    """Products by slug, their agreements, the terms of sale and a shelf of codes."""
    opened_on = local_date(at - timedelta(days=600))
    TermsVersion.objects.get_or_create(
        number=1,
        defaults={
            "text_fr": TERMS_FR,
            "text_en": TERMS_EN,
            "published_at": at - timedelta(days=600),
        },
    )
    products = {offer.slug: _product(offer, rank) for rank, offer in enumerate(OFFERS)}
    for offer in OFFERS:
        if offer.rate_bp:
            _agree(cast.cse, products[offer.slug], offer, opened_on)
    _fill_shelf(cast, at=at)
    return products


def _product(offer: Offer, rank: int) -> Product:
    made, _ = Product.objects.get_or_create(
        slug=offer.slug,
        defaults={
            "name_fr": offer.name_fr,
            "name_en": offer.name_en,
            "lead_fr": offer.lead_fr,
            "lead_en": offer.lead_en,
            "where_usable_fr": offer.where_fr if offer.is_plain else f"{offer.where_fr} {USE_FR}",
            "where_usable_en": offer.where_en if offer.is_plain else f"{offer.where_en} {USE_EN}",
            "exclusions_fr": offer.exclusions_fr,
            "exclusions_en": offer.exclusions_en,
            "terms_fr": offer.final_fr,
            "terms_en": offer.final_en,
            "currency": offer.currency,
            "brand": offer.brand,
            "artwork": offer.artwork,
            "category": offer.category,
            "presets": [euros * 100 for euros in offer.presets],
            "min_minor": offer.low * 100,
            "max_minor": offer.high * 100,
            "step_minor": offer.step_minor,
            "issuer": offer.issuer,
            "vat_treatment": offer.vat_treatment,
            "vat_rate_bp": offer.vat_rate_bp,
            "position": rank,
        },
    )
    return made


def _agree(cse: Organisation, product: Product, offer: Offer, starts_on: date) -> None:
    if DiscountAgreement.objects.filter(organisation=cse, product=product).exists():
        return
    sign_agreement(
        DiscountAgreement(
            organisation=cse,
            product=product,
            rate_bp=offer.rate_bp,
            starts_on=starts_on,
            monthly_ceiling_minor=offer.ceiling * 100 if offer.ceiling else None,
        )
    )


def _fill_shelf(cast: Cast, *, at: datetime) -> None:
    """Codes come as an operator brings them: a CSV file. They last longer than any card sold today."""
    pool, made = StockPool.objects.get_or_create(
        slug=POOL, defaults={"name": "Cap Grand Air", "low_stock_threshold": 20}
    )
    if not made:
        return
    expires_on = add_months(local_date(at), 30)
    lines = ["code;valeur;expiration"] + [
        f"CGA{face:03d}{number:07d};{face},00;{expires_on:%d/%m/%Y}"
        for face in STOCKED_FACES
        for number in range(1, CODES_PER_FACE + 1)
    ]
    body = "\n".join(lines).encode()
    imported = start_import(
        pool_id=pool.pk, filename="codes-demo.csv", blocks=[body], imported_by_id=cast.operator.pk, at=at
    )
    while shelve_next_piece(import_id=imported, at=at):
        pass
