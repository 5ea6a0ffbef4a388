"""What a tracker account allows for one release: who may fetch it, and whether a freeleech wedge is spent on it.

A wedge makes a release free for the member for good; they are few. The rules say on what one would be spent; without the
member's word (`spends`) they only say so. Source: the tracker's own rules; nothing is given away or bought.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acquisition.domain.facts import OfferedRelease

VIP_CLASSES = frozenset({"vip", "elite vip"})
POLICIES = ("never", "preferred", "required")
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WedgeRules:
    """`policy`: never; preferred (one is spent where the rules allow, else the release is taken as it is); required
    (what is not free is only taken with one). `least_mb`: nothing smaller is worth one. `kept`: never spent.

    `spends` is off by default: then nothing is spent, and the decisions say what would have been.
    """

    policy: str = "never"
    spends: bool = False
    a_day: int = 1
    kept: int = 5
    least_mb: int = 500

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "WedgeRules":
        """From the settings of an indexer (`wedges`, `spends_wedges`, `wedges_a_day`, `wedges_kept`,
        `wedge_least_mb`); what does not fit is the default, so that a slip of the pen never spends."""
        policy, usual = settings.get("wedges"), cls()
        return cls(
            policy=policy if policy in POLICIES else usual.policy,
            spends=settings.get("spends_wedges") is True,
            a_day=whole_setting(settings, "wedges_a_day", usual.a_day),
            kept=whole_setting(settings, "wedges_kept", usual.kept),
            least_mb=whole_setting(settings, "wedge_least_mb", usual.least_mb),
        )


def whole_setting(settings: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number that is not negative, else the default."""
    value = settings.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What is known of the account: None where the tracker did not say. `refusal`: why nothing may be taken at all."""

    refusal: str = ""
    member_class: str = ""
    wedges: int | None = None
    wedges_spent_today: int = 0
    rules: WedgeRules = WedgeRules()


@dataclass(frozen=True, slots=True)
class AccountVerdict:
    """`refusal` and `wedge_refusal` say why a release is not taken; `note` explains its cost; `spend_wedge` whether one
    is to be spent when it is fetched."""

    refusal: str = ""
    wedge_refusal: str = ""
    note: str = ""
    spend_wedge: bool = False


def judge_account(offer: OfferedRelease, account: AccountFacts) -> AccountVerdict:
    """The rules for one release."""
    if account.refusal:
        return AccountVerdict(refusal=account.refusal)
    if "vip" in offer.tags and account.member_class and account.member_class.lower() not in VIP_CLASSES:
        return AccountVerdict(refusal=f"Only VIPs may fetch it, and the account is {account.member_class}.")
    if offer.download_volume_factor == 0:
        return AccountVerdict(note=_why_free(offer))
    rules = account.rules
    if rules.policy == "never":
        return AccountVerdict()
    why_not = _why_no_wedge(offer, account)
    if why_not:
        return _without(rules, why_not)
    left = account.wedges if account.wedges is not None else 0
    if not rules.spends:
        return _without(rules, f"a wedge would be spent on it ({left} left), if spends_wedges were on")
    return AccountVerdict(note=f"free by a wedge, of which {left - 1} will be left", spend_wedge=True)


def _without(rules: WedgeRules, why: str) -> AccountVerdict:
    if rules.policy == "required":
        return AccountVerdict(wedge_refusal=f"It is not free, and no wedge is spent: {why}.")
    return AccountVerdict(note=f"counts against the account; {why}")


def _why_no_wedge(offer: OfferedRelease, account: AccountFacts) -> str:
    """Why the rules do not spend one on it, in words; empty when they do."""
    rules = account.rules
    if account.wedges is None:
        return "it is not known how many wedges there are"
    if account.wedges <= rules.kept:
        return f"{account.wedges} wedges are left, and {rules.kept} are kept"
    if account.wedges_spent_today >= rules.a_day:
        return f"{account.wedges_spent_today} were spent today, and {rules.a_day} a day are allowed"
    if (offer.size_bytes or 0) < rules.least_mb * MEGABYTE:
        return f"it is smaller than the {rules.least_mb} MB that are worth one"
    return ""


def _why_free(offer: OfferedRelease) -> str:
    reasons = {
        "personal-freeleech": "free for you by a wedge",
        "freeleech": "free for all",
        "vip-freeleech": "free for VIPs, as you are",
    }
    return next((words for tag, words in reasons.items() if tag in offer.tags), "free")
