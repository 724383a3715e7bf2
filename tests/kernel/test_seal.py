"""Secrets at rest open only with a known key, for the row they were sealed for."""

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from kernel.seal import (
    SealBroken,
    SealKeyUnknown,
    blind_index,
    needs_reseal,
    seal,
    unseal,
    unseal_text,
)

OLD = "old:" + base64.b64encode(b"o" * 32).decode()
NEW = "new:" + base64.b64encode(b"n" * 32).decode()


def test_what_was_sealed_opens_for_its_row():
    token = seal("50321234123412347118", bound_to="wallet.card:7:number")
    assert unseal_text(token, bound_to="wallet.card:7:number") == "50321234123412347118"
    assert "50321234123412347118" not in token


@given(st.binary(max_size=200), st.text(max_size=40).filter(str.isprintable))
def test_any_bytes_come_back_whole(content, bound_to):
    assert unseal(seal(content, bound_to=bound_to), bound_to=bound_to) == content


def test_the_same_text_never_gives_the_same_token():
    assert seal("7118", bound_to="row") != seal("7118", bound_to="row")


def test_a_token_copied_to_another_row_stays_closed():
    token = seal("7118", bound_to="wallet.card:7")
    with pytest.raises(SealBroken):
        unseal(token, bound_to="wallet.card:8")


@pytest.mark.parametrize("spoil", ["{0}A", "{0}!", "demo.", "demo.AAAA", "demo.é"])
def test_an_altered_token_stays_closed(spoil):
    token = spoil.format(seal("7118", bound_to="row"))
    with pytest.raises(SealBroken):
        unseal(token, bound_to="row")


def test_every_changed_character_is_noticed():
    token = seal("71180", bound_to="row")  # 33 bytes: base64 without padding or spare bits
    for at in range(token.index(".") + 1, len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(SealBroken):
            unseal(changed, bound_to="row")


@pytest.mark.parametrize("token", ["", "7118", "gone.AAAA"])
def test_an_unknown_key_is_a_refusal(token):
    with pytest.raises(SealKeyUnknown):
        unseal(token, bound_to="row")


def test_rotation_opens_with_the_old_key_and_seals_with_the_new(settings):
    settings.SEAL_KEYS = [OLD]
    before = seal("7118", bound_to="row")
    assert not needs_reseal(before)

    settings.SEAL_KEYS = [NEW, OLD]
    assert needs_reseal(before)
    assert unseal_text(before, bound_to="row") == "7118"
    after = seal(unseal(before, bound_to="row"), bound_to="row")
    assert not needs_reseal(after)

    settings.SEAL_KEYS = [NEW]
    assert unseal_text(after, bound_to="row") == "7118"
    with pytest.raises(SealKeyUnknown):
        unseal(before, bound_to="row")


def test_a_token_relabelled_with_another_key_stays_closed(settings):
    settings.SEAL_KEYS = [NEW, "twin:" + NEW.partition(":")[2]]
    token = seal("7118", bound_to="row")
    with pytest.raises(SealBroken):
        unseal(token.replace("new.", "twin."), bound_to="row")


@pytest.mark.parametrize("keys", [[], ["short:AAAA"], ["bad:?"], [NEW, NEW], [NEW.replace("new", "n.w")]])
def test_bad_keys_stop_the_program(settings, keys):
    settings.SEAL_KEYS = keys
    with pytest.raises(ImproperlyConfigured):
        seal("7118", bound_to="row")


def test_a_blind_index_is_stable_keyed_and_per_purpose(settings):
    index = blind_index("50321234123412347118", purpose="card")
    assert index == blind_index("50321234123412347118", purpose="card")
    assert len(index) == 64
    assert index != blind_index("50321234123412347118", purpose="claim")
    settings.INDEX_KEY = base64.b64encode(b"k" * 32).decode()
    assert index != blind_index("50321234123412347118", purpose="card")
