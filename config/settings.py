"""Every setting comes from the environment; the table in README.md names them all.

`MIRABELLE_MODE=demo` (the default) needs nothing: SQLite, an embedded broker, the sandbox bank.
`MIRABELLE_MODE=production` refuses to start unless it is configured (see `config.checks`).
"""

import sys
from pathlib import Path

import environ
from celery.schedules import schedule
from django.utils.translation import gettext_lazy as _

from config import checks, logs

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

MODE = env.str("MIRABELLE_MODE", "test" if "pytest" in sys.modules else "demo")
PRODUCTION = MODE == "production"
TESTING = MODE == "test"
DEBUG = env.bool("DEBUG", False)
DATA_DIR = Path(env.str("DATA_DIR", str(BASE_DIR / "var")))
if not PRODUCTION:
    DATA_DIR.mkdir(parents=True, exist_ok=True)

# Secrets. The demo's defaults are public, and refused in production.
DEFAULT_SECRET = "demo-only-" + "x" * 50
SECRET_KEY = env.str("SECRET_KEY", DEFAULT_SECRET)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# `id:base64` pairs, newest first; sealing uses the first, opening any (see kernel.seal).
DEFAULT_SEAL_KEYS = ["demo:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
SEAL_KEYS = env.list("SEAL_KEYS", default=DEFAULT_SEAL_KEYS)
DEFAULT_INDEX_KEY = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
INDEX_KEY = env.str("INDEX_KEY", DEFAULT_INDEX_KEY)

# Addresses
SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])
SECURE = SITE_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_FORWARDED_PROTO", False) else None
)
SECURE_SSL_REDIRECT = SECURE and env.bool("SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31_536_000 if SECURE else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# The outside world is played by `sandbox` unless it is switched off.
SANDBOX = env.bool("SANDBOX", not PRODUCTION)

INSTALLED_APPS = [
    "config.apps.MirabelleConfig",
    "modeltranslation",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "template_partials",
    "django.forms",
    "kernel",
    "ledger",
    "outbox",
    "documents",
    "accounts",
    "wallet",
    "loyalty",
    "billing",
    "merchants",
    "orders",
    *(["sandbox"] if SANDBOX else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "kernel.middleware.RequestLogMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.policy.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "accounts.middleware.AccessMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
CSRF_FAILURE_VIEW = "config.refusals.stale_form"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "config.context.portal",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "template_partials.templatetags.partials",
                "kernel.templatetags.kernel",
            ],
        },
    },
]
# Subjects and text parts of mails: the same engine, but what people typed is not HTML-escaped there.
TEMPLATES.append(
    {**TEMPLATES[0], "NAME": "text", "OPTIONS": {**TEMPLATES[0]["OPTIONS"], "autoescape": False}}  # type: ignore[dict-item]
)

FORM_RENDERER = "kernel.forms.Renderer"

# Database. SQLite options: see docs/architecture.md.
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'mirabelle.sqlite3'}")}
POSTGRES = "postgresql" in DATABASES["default"]["ENGINE"]
if POSTGRES:
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", 60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Parameters bound and statements prepared by the server: half of its work, a fifth of ours.
    # PgBouncer pools such connections from 1.21 on; older ones need PREPARED_STATEMENTS=false.
    if env.bool("PREPARED_STATEMENTS", True):
        DATABASES["default"]["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": 5}
else:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=ON;"
        ),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Cache, broker
REDIS_URL = env.str("REDIS_URL", "")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}
}
if TESTING:
    CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
# What a missing broker may cost a request: nudges are hints, the tick finds every job (see outbox).
BROKER_TIMEOUTS = {"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 5}
EMBEDDED_BROKER = {"folder": str(DATA_DIR / "broker"), "polling_interval": 0.1}
CELERY_BROKER_URL = "memory://" if TESTING else REDIS_URL or "embedded://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS = BROKER_TIMEOUTS if REDIS_URL else EMBEDDED_BROKER
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = env.int("WORKER_THREADS", 2)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
OUTBOX_TICK_SECONDS = env.float("OUTBOX_TICK_SECONDS", 5 if PRODUCTION else 1)
CELERY_BEAT_SCHEDULE = {
    "outbox-tick": {
        "task": "outbox.tick",
        "schedule": schedule(OUTBOX_TICK_SECONDS),
        "options": {"expires": 60},
    },
}

# People
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if TESTING:
    PASSWORD_HASHERS.insert(0, "django.contrib.auth.hashers.MD5PasswordHasher")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {
    "signup": "accounts.forms.SignupForm",
    "login": "accounts.forms.LoginForm",
    "add_email": "accounts.forms.AddEmailForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # only in the browser that signed up
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
ACCOUNT_RATE_LIMITS = {
    "identification_key": env.str("KEY_CHECKS_RATE", "10/m/ip,40/h/ip"),
    # `key` is the card's number: many accounts together must not guess at one card either.
    "register_card": env.str("CARD_TRIES_RATE", "10/m/user,40/h/user,20/m/ip,100/h/ip,10/h/key"),
    # Each code is an SMS that is paid for; each try is one of three that the service counts.
    "loyalty_codes": env.str("LOYALTY_CODES_RATE", "10/h/user,30/h/ip"),
    "loyalty_confirm": env.str("LOYALTY_TRIES_RATE", "30/h/user,100/h/ip"),
    "loyalty_pay": env.str("LOYALTY_PAY_RATE", "20/m/user"),
    # `key` is the terminal's name as it was typed, or the device: see docs/merchants.md.
    "terminal_sign_in": env.str("TERMINAL_SIGN_IN_RATE", "20/m/ip,200/h/ip"),
    "terminal_activate": env.str("TERMINAL_ACTIVATION_RATE", "5/m/ip,20/h/ip,5/h/key"),
    "terminal_card": env.str("TERMINAL_CARD_RATE", "40/m/key"),
    "terminal_client": env.str("TERMINAL_CLIENT_RATE", "10/m/key,60/h/key"),
    "terminal_receipt": env.str("TERMINAL_RECEIPT_RATE", "10/m/key,100/h/key"),
    # `key` is the card: each new PIN and each replacement is paid for. Telling a loss is never refused.
    "credit_card": env.str("CREDIT_CARD_RATE", "5/m/user,20/h/user,5/m/key,10/h/key"),
    "scan_card": env.str("CARD_PHOTOS_RATE", "10/m/user,100/h/user,20/m/ip"),
}
MFA_ADAPTER = "accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE
MFA_TOTP_ISSUER = "Mirabelle"
# Operators (Django admin) show a second factor, except in the demo. CSE staff always do.
ADMIN_REQUIRES_MFA = env.bool("ADMIN_REQUIRES_MFA", PRODUCTION)
TERMS_OF_USE_VERSION = 1

# Django admin's dress: the design's petrol.
UNFOLD = {
    "SITE_TITLE": "Mirabelle",
    "SITE_HEADER": "Mirabelle",
    "SITE_SUBHEADER": _("Exploitation"),
    "SITE_SYMBOL": "storefront",
    "COLORS": {
        "primary": {
            "50": "#eef7f8",
            "100": "#d3eaed",
            "200": "#a9d5da",
            "300": "#74b9c1",
            "400": "#4198a3",
            "500": "#1f7683",
            "600": "#0e5763",
            "700": "#0b4650",
            "800": "#083740",
            "900": "#062830",
            "950": "#041a20",
        },
    },
}

# Languages: the source language is French; its catalogue holds spacing and what the admin theme lacks.
LANGUAGE_CODE = "fr"
# Each under its own name, whatever language the page is in.
LANGUAGES = [("fr", "Français"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
MODELTRANSLATION_DEFAULT_LANGUAGE = "fr"
MODELTRANSLATION_FALLBACK_LANGUAGES = ("fr",)
TIME_ZONE = "Europe/Paris"
USE_TZ = True

# Static files
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.staticfiles.BundledStaticFilesStorage"},
}
if TESTING:
    STORAGES["staticfiles"]["BACKEND"] = "config.staticfiles.StrictStaticFilesStorage"

# Mail
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Mirabelle <ne-pas-repondre@mirabelle.example>")
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", "assistance@mirabelle.example")
ALARM_EMAILS = env.list("ALARM_EMAILS", default=["exploitation@mirabelle.example"])
EMAIL_BACKEND = "sandbox.mail.MailboxBackend" if SANDBOX else "django.core.mail.backends.smtp.EmailBackend"
if not SANDBOX:
    vars().update(env.email_url("EMAIL_URL", default="smtp://localhost:25"))
EMAIL_URL = env.str("EMAIL_URL", "")
EMAIL_TIMEOUT = 20

# Text messages: a class with `send` (loyalty.sms); HttpSms posts to SMS_URL with SMS_TOKEN.
SMS_GATEWAY = env.str("SMS_GATEWAY", "sandbox.sms.SandboxSms" if SANDBOX else "loyalty.sms.HttpSms")
SMS_URL = env.str("SMS_URL", "")
SMS_TOKEN = env.str("SMS_TOKEN", "")

# The company on invoices. The demo's is invented.
SELLER_NAME = env.str("SELLER_NAME", "Mirabelle Démonstration")
SELLER_LEGAL_FORM = env.str("SELLER_LEGAL_FORM", "SAS au capital de 10 000 €, RCS Exempleville 000 000 000")
SELLER_ADDRESS = env.list("SELLER_ADDRESS", default=["1 rue du Verger"])
SELLER_POSTCODE = env.str("SELLER_POSTCODE", "00000")
SELLER_CITY = env.str("SELLER_CITY", "Exempleville")
SELLER_COUNTRY = env.str("SELLER_COUNTRY", "FR")
SELLER_SIRET = env.str("SELLER_SIRET", "00000000000000")
SELLER_VAT_NUMBER = env.str("SELLER_VAT_NUMBER", "FR00000000000")

# Logs: one line per request and per job, with ids and without secrets (kernel.log).
LOG_LEVEL = env.str("LOG_LEVEL", "INFO" if PRODUCTION else "WARNING")
LOGGING = logs.configure(json=PRODUCTION, level=LOG_LEVEL)

# Payment and issuing: names to dotted classes, and the delays that the customer sees (seconds).
PAYMENT_GATEWAY = env.str("PAYMENT_GATEWAY", "bank" if SANDBOX else "stripe")
PAYMENT_GATEWAYS = {
    "stripe": "orders.gateways.stripe.StripeCheckout",
    **({"bank": "sandbox.gateway.SandboxBank"} if SANDBOX else {}),
}
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "")
SANDBOX_BANK_SECRET = env.str("SANDBOX_BANK_SECRET", "sandbox-bank-secret")
PAYMENT_POLL_AFTER = env.int("PAYMENT_POLL_AFTER", 1200 if PRODUCTION else 20)
PAYMENT_EXPIRES_AFTER = env.int("PAYMENT_EXPIRES_AFTER", 3600)
ORDER_EXPIRES_AFTER = env.int("ORDER_EXPIRES_AFTER", 86_400)
TIMELINE_POLL_SECONDS = env.int("TIMELINE_POLL_SECONDS", 30 if PRODUCTION else 2)
SANDBOX_CONFIRM_AFTER = env.int("SANDBOX_CONFIRM_AFTER", 8)
ISSUERS = {
    "own": "wallet.issuers.own.OwnIssuer",
    "stock": "wallet.issuers.stock.StockIssuer",
    "places": "wallet.issuers.places.PlacesIssuer",
    "prepaid": "wallet.issuers.prepaid.PrepaidIssuer",
}
ISSUE_DELAY_MIN = env.int("ISSUE_DELAY_MIN", 7200 if PRODUCTION else 8)
ISSUE_DELAY_MAX = env.int("ISSUE_DELAY_MAX", 14400 if PRODUCTION else 16)

# Booking seats: how long they are kept while their customer pays, until when they can be cancelled.
BOOKING_HOLD_MINUTES = env.int("BOOKING_HOLD_MINUTES", 15)
BOOKING_CANCEL_BEFORE_MINUTES = env.int("BOOKING_CANCEL_BEFORE_MINUTES", 60)
BOOKING_MAX_SEATS = env.int("BOOKING_MAX_SEATS", 10)

# The prepaid card (S0.1): its currency, and the limits of a load and of the balance, in minor units.
PREPAID_CURRENCY = env.str("PREPAID_CURRENCY", "CHF")
PREPAID_MIN_LOAD = env.int("PREPAID_MIN_LOAD", 3_000)
PREPAID_MAX_BALANCE = env.int("PREPAID_MAX_BALANCE", 300_000)
PREPAID_LOADS = env.list("PREPAID_LOADS", cast=int, default=[3_000, 5_000, 10_000, 20_000])

# Merchants' terminals: how long somebody stays signed in on a device.
TERMINAL_SESSION_HOURS = env.int("TERMINAL_SESSION_HOURS", 14)

# Paying merchants (S0.4): the account that pays, and the VAT on commission by country, in basis points.
PAYOUT_NAME = env.str("PAYOUT_NAME", SELLER_NAME)
PAYOUT_IBAN = env.str("PAYOUT_IBAN", "" if PRODUCTION else "CH5604835012345678009")
PAYOUT_BIC = env.str("PAYOUT_BIC", "" if PRODUCTION else "CRESCHZZ80A")
COMMISSION_VAT_BP = {
    "CH": env.int("COMMISSION_VAT_BP_CH", 810),
    "FR": env.int("COMMISSION_VAT_BP_FR", 2_000),
}

# The card statement (S1): terms in days and minor units, rates in basis points, who is paid by QR-bill and
# collects by direct debit.
BILLING_CURRENCY = env.str("BILLING_CURRENCY", "CHF")
BILLING_PAYMENT_DAYS = env.int("BILLING_PAYMENT_DAYS", 20)
BILLING_MINIMUM_BP = env.int("BILLING_MINIMUM_BP", 300)
BILLING_MINIMUM = env.int("BILLING_MINIMUM", 5_000)
# Whether the day on which a payment arrives still bears interest on what it pays (S1.3: 37 days, not 36).
BILLING_COUNT_PAYMENT_DAY = env.bool("BILLING_COUNT_PAYMENT_DAY", True)
BILLING_ABROAD_BP = env.int("BILLING_ABROAD_BP", 200)
BILLING_GAMBLING_BP = env.int("BILLING_GAMBLING_BP", 375)
BILLING_HOME_COUNTRIES = env.list("BILLING_HOME_COUNTRIES", default=["CH", "LI"])
BILLING_GAMBLING_MCC = env.list("BILLING_GAMBLING_MCC", default=["7800", "7801", "7802", "7995", "9406"])
BILLING_EXEMPT_LOTTERIES = env.list("BILLING_EXEMPT_LOTTERIES", default=["Swisslos", "Loterie Romande"])
BILLING_NEW_PIN_FEE = env.int("BILLING_NEW_PIN_FEE", 2_000)
BILLING_REPLACEMENT_FEE = env.int("BILLING_REPLACEMENT_FEE", 2_000)
BILLING_REMINDER_FEES = env.list("BILLING_REMINDER_FEES", cast=int, default=[2_000, 2_000])
BILLING_REMINDER_DAYS = env.list("BILLING_REMINDER_DAYS", cast=int, default=[3, 17])
BILLING_REFUSAL_FEE = env.int("BILLING_REFUSAL_FEE", 3_000)
BILLING_OBJECTION_DAYS = env.int("BILLING_OBJECTION_DAYS", 30)
BILLING_COLLECT_DAYS_BEFORE = env.int("BILLING_COLLECT_DAYS_BEFORE", 2)
BILLING_COLLECT_LEAD_DAYS = env.int("BILLING_COLLECT_LEAD_DAYS", 3)
BILLING_DEBIT_COUNTRIES = env.list("BILLING_DEBIT_COUNTRIES", default=["CH", "LI"])
# Who collects direct debits: names to dotted classes (billing.collectors), and the one in use.
BILLING_COLLECTOR = env.str("BILLING_COLLECTOR", "sandbox" if SANDBOX else "pain008")
BILLING_COLLECTORS = {
    "pain008": "billing.collectors.pain008.Pain008File",
    **({"sandbox": "sandbox.collector.SandboxCollector"} if SANDBOX else {}),
}
BILLING_PAIN008 = env.str("BILLING_PAIN008", "pain.008.001.08")
# The bank's own names of the service in francs: CHDD and DDCOR1 for CH-DD, CHTA and LSV+ for LSV+.
BILLING_DEBIT_SERVICE = env.str("BILLING_DEBIT_SERVICE", "CHDD")
BILLING_DEBIT_INSTRUMENT = env.str("BILLING_DEBIT_INSTRUMENT", "DDCOR1")
BILLING_CREDITOR_NAME = env.str("BILLING_CREDITOR_NAME", SELLER_NAME)
BILLING_CREDITOR_ADDRESS = env.list(
    "BILLING_CREDITOR_ADDRESS", default=["Rue du Verger", "1", "1950", "Exempleville", "CH"]
)
# A QR-IBAN: only such an account takes 27-digit references. The demo's is the standard's own example.
BILLING_QR_IBAN = env.str("BILLING_QR_IBAN", "" if PRODUCTION else "CH4431999123000889012")
BILLING_COLLECT_IBAN = env.str("BILLING_COLLECT_IBAN", PAYOUT_IBAN)
BILLING_COLLECT_BIC = env.str("BILLING_COLLECT_BIC", PAYOUT_BIC)
BILLING_CREDITOR_ID = env.str("BILLING_CREDITOR_ID", "" if PRODUCTION else "CH51ZZZ12345678901")

# Giving a card away
CLAIM_LINK_DAYS = env.int("CLAIM_LINK_DAYS", 30)
CLAIM_LINKS_PER_DAY = env.int("CLAIM_LINKS_PER_DAY", 20)

# Content Security Policy: nothing inline, nothing foreign. /admin/ relaxes it for itself.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'", *env.list("CSP_FORM_ACTION", default=["https://checkout.stripe.com"])],
    },
}

SILENCED_SYSTEM_CHECKS: list[str] = []

checks.refuse_unsafe(vars())
