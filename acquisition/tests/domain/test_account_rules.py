"""The rules of a tracker account: VIPs, what is free, and wedges, which are not spent without the member's word."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.domain.account_rules import AccountFacts, WedgeRules, judge_account
from acquisition.domain.facts import OfferedRelease

BIG = OfferedRelease("1", "Emma", size_bytes=900 * 1024 * 1024)
RULES = WedgeRules("preferred", spends=True)
ACCOUNT = AccountFacts(member_class="Power User", wedges=8, rules=RULES)


def test_by_default_no_wedge_is_spent() -> None:
    assert not judge_account(BIG, AccountFacts(wedges=99)).spend_wedge
    rules = WedgeRules.from_settings({"wedges": "preferred"})
    verdict = judge_account(BIG, replace(ACCOUNT, rules=rules))
    assert not verdict.spend_wedge
    assert verdict.note == "counts against the account; a wedge would be spent on it (8 left), if spends_wedges were on"


@pytest.mark.parametrize(
    "offer, different, note",
    [
        (BIG, {}, "free by a wedge, of which 7 will be left"),
        (replace(BIG, download_volume_factor=0.0, tags=("freeleech",)), {}, "free for all"),
        (replace(BIG, download_volume_factor=0.0, tags=("vip-freeleech",)), {}, "free for VIPs, as you are"),
        (replace(BIG, download_volume_factor=0.0, tags=("personal-freeleech",)), {}, "free for you by a wedge"),
        (BIG, {"wedges": 5}, "5 wedges are left, and 5 are kept"),
        (BIG, {"wedges": None}, "it is not known how many wedges there are"),
        (BIG, {"wedges_spent_today": 1}, "1 were spent today, and 1 a day are allowed"),
        (replace(BIG, size_bytes=1000), {}, "smaller than the 500 MB"),
        (replace(BIG, size_bytes=None), {}, "smaller than the 500 MB"),
    ],
)
def test_each_rule_says_what_it_did(offer: OfferedRelease, different: dict[str, Any], note: str) -> None:
    account = replace(ACCOUNT, **different)
    verdict = judge_account(offer, account)
    assert note in verdict.note
    assert verdict.spend_wedge is note.startswith("free by a wedge")
    required = judge_account(offer, replace(account, rules=replace(RULES, policy="required")))
    is_free = note.startswith("free")
    assert bool(required.wedge_refusal) is not is_free


def test_a_vip_release_needs_a_vip() -> None:
    vip = replace(BIG, tags=("vip",))
    assert judge_account(vip, ACCOUNT).refusal == "Only VIPs may fetch it, and the account is Power User."
    assert not judge_account(vip, replace(ACCOUNT, member_class="Elite VIP")).refusal
    assert not judge_account(vip, replace(ACCOUNT, member_class="")).refusal, "what is not known is not held against it"


def test_a_stop_of_the_account_comes_before_all() -> None:
    verdict = judge_account(BIG, replace(ACCOUNT, refusal="The ratio is 0.9."))
    assert (verdict.refusal, verdict.spend_wedge) == ("The ratio is 0.9.", False)


odd = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=8), st.lists(st.none()))


@given(st.dictionaries(st.sampled_from(["wedges", "wedges_a_day", "wedges_kept", "wedge_least_mb"]), odd))
def test_no_slip_of_the_pen_spends_anything(settings: dict[str, Any]) -> None:
    rules = WedgeRules.from_settings(settings)
    assert not judge_account(BIG, replace(ACCOUNT, rules=rules)).spend_wedge
    assert not WedgeRules.from_settings({**settings, "spends_wedges": "true"}).spends
