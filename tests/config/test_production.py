"""A production site does not start with what only a demo may have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.checks import problems, refuse_unsafe

ROOT = Path(__file__).resolve().parents[2]
SOUND = {
    "MODE": "production",
    "PRODUCTION": True,
    "DEFAULT_SECRET": settings.DEFAULT_SECRET,
    "DEFAULT_SEAL_KEYS": settings.DEFAULT_SEAL_KEYS,
    "DEFAULT_INDEX_KEY": settings.DEFAULT_INDEX_KEY,
    "SECRET_KEY": "s" * 50,
    "SECRET_KEY_FALLBACKS": [],
    "SEAL_KEYS": ["2026a:" + "A" * 43 + "="],
    "INDEX_KEY": "B" * 43 + "=",
    "DEBUG": False,
    "SANDBOX": False,
    "SITE_URL": "https://mirabelle.example",
    "ALLOWED_HOSTS": ["mirabelle.example"],
    "POSTGRES": True,
    "REDIS_URL": "redis://redis:6379/0",
    "ADMIN_REQUIRES_MFA": True,
    "PAYMENT_GATEWAY": "stripe",
    "PAYMENT_GATEWAYS": {"stripe": "…"},
    "BILLING_COLLECTOR": "pain008",
    "BILLING_COLLECTORS": {"pain008": "…"},
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
    "EMAIL_URL": "smtp://mail:25",
    "SMS_GATEWAY": "loyalty.sms.HttpSms",
    "SMS_URL": "https://sms.example/send",
    "SELLER_SIRET": "12345678900011",
}
ENVIRONMENT = {
    "MIRABELLE_MODE": "production",
    "SECRET_KEY": "vK3x9Qp7Lm2Zr8Tn4Wb6Yc1Df5Gh0Js-vK3x9Qp7Lm2Zr8Tn4Wb6Yc1Df5Gh0Js",
    "SEAL_KEYS": "2026a:" + "QUJD" * 10 + "QUI=",
    "INDEX_KEY": "REVG" * 10 + "REU=",
    "SITE_URL": "https://mirabelle.example",
    "ALLOWED_HOSTS": "mirabelle.example",
    "DATABASE_URL": "postgres://127.0.0.1/none",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
    "EMAIL_URL": "smtp://localhost:25",
    "SMS_URL": "https://sms.example/send",
    "SELLER_SIRET": "12345678900011",
}


def test_a_sound_configuration_has_no_problems():
    assert problems(SOUND) == []
    refuse_unsafe(SOUND)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SECRET_KEY": settings.DEFAULT_SECRET}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY_FALLBACKS": [settings.DEFAULT_SECRET]}, "SECRET_KEY"),
        ({"SEAL_KEYS": settings.DEFAULT_SEAL_KEYS}, "SEAL_KEYS"),
        ({"SEAL_KEYS": ["2026a:x", *settings.DEFAULT_SEAL_KEYS]}, "SEAL_KEYS"),
        ({"SEAL_KEYS": [settings.DEFAULT_SEAL_KEYS[0].replace("demo:", "2026a:")]}, "SEAL_KEYS"),
        ({"SEAL_KEYS": []}, "SEAL_KEYS"),
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, "STRIPE_SECRET_KEY"),
        ({"INDEX_KEY": settings.DEFAULT_INDEX_KEY}, "INDEX_KEY"),
        ({"INDEX_KEY": ""}, "INDEX_KEY"),
        ({"DEBUG": True}, "DEBUG"),
        ({"SELLER_SIRET": "0" * 14}, "SELLER_SIRET"),
        ({"SANDBOX": True}, "SANDBOX"),
        ({"SITE_URL": "http://mirabelle.example"}, "SITE_URL"),
        ({"ALLOWED_HOSTS": []}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ["*"]}, "ALLOWED_HOSTS"),
        ({"POSTGRES": False}, "DATABASE_URL"),
        ({"REDIS_URL": ""}, "REDIS_URL"),
        ({"ADMIN_REQUIRES_MFA": False}, "ADMIN_REQUIRES_MFA"),
        ({"PAYMENT_GATEWAY": "bank"}, "PAYMENT_GATEWAY"),
        ({"STRIPE_SECRET_KEY": ""}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET"),
        ({"EMAIL_URL": ""}, "EMAIL_URL"),
        ({"SMS_URL": ""}, "SMS_URL"),
        ({"SMS_URL": "http://sms.example/send"}, "SMS_URL"),
        ({"SMS_GATEWAY": "sandbox.sms.SandboxSms"}, "SMS_GATEWAY"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_is_refused_by_name(change, named):
    [sentence] = problems({**SOUND, **change})
    assert named in sentence
    with pytest.raises(ImproperlyConfigured, match=named):
        refuse_unsafe({**SOUND, **change})


def test_another_sms_gateway_needs_no_address():
    refuse_unsafe({**SOUND, "SMS_GATEWAY": "our.own.Gateway", "SMS_URL": ""})


def test_the_same_faults_are_fine_in_a_demo():
    refuse_unsafe({**SOUND, "MODE": "demo", "PRODUCTION": False, "DEBUG": True, "REDIS_URL": ""})


def test_a_misspelt_mode_is_not_taken_for_a_demo():
    with pytest.raises(ImproperlyConfigured, match="prod"):
        refuse_unsafe({**SOUND, "MODE": "prod", "PRODUCTION": False})


def manage(*command: str, **environment: str) -> subprocess.CompletedProcess:
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**base, **environment},
        capture_output=True,
        text=True,
    )


def test_djangos_deployment_check_is_clean_in_production(tmp_path):
    done = manage("check", "--deploy", "--fail-level", "WARNING", **ENVIRONMENT, DATA_DIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


def test_an_unconfigured_production_site_does_not_start_and_says_why_in_one_go(tmp_path):
    done = manage("check", MIRABELLE_MODE="production", DATA_DIR=str(tmp_path))
    assert done.returncode != 0
    wanted = ("SECRET_KEY", "SEAL_KEYS", "INDEX_KEY", "SITE_URL", "DATABASE_URL", "REDIS_URL", "SMS_URL")
    for name in wanted:
        assert name in done.stderr
