"""The profile in force: the general one, under the library's, under the series'."""

from typing import Any

import pytest

from acquisition.domain.profile import Profile, choose_profile


def test_the_last_layer_wins_and_is_named() -> None:
    chosen = choose_profile(
        Profile(),
        [
            ("the library Kids", {"formats": ["mp3"], "minimum_seeders": 3}),
            ("the series Oz", {"formats": ["m4b"], "languages": ["de"]}),
        ],
    )
    assert (chosen.profile.formats, chosen.profile.minimum_seeders, chosen.profile.languages) == (("m4b",), 3, ("de",))
    assert chosen.source_of("formats") == "the series Oz"
    assert chosen.source_of("minimum_seeders") == "the library Kids"
    assert chosen.source_of("delay_hours") == "default"


@pytest.mark.parametrize(
    "preference, expected",
    [
        ({"dramatised": "never"}, {"accepts_dramatised": False, "only_dramatised": False}),
        ({"dramatised": "only"}, {"accepts_dramatised": True, "only_dramatised": True}),
        ({"dramatised": "any"}, {"accepts_dramatised": True, "only_dramatised": False}),
        ({"narrators": ["Ann Reader"]}, {"narrators": ("Ann Reader",), "only_narrators": True}),
        ({"narrators": ["Ann Reader"], "only_narrators": False}, {"only_narrators": False}),
        ({"formats": 7, "minimum_seeders": "many", "odd": 1, "languages": None}, {"languages": ("en",)}),
    ],
)
def test_what_the_gap_analysis_does_not_accept_is_not_fetched(preference: Any, expected: dict[str, Any]) -> None:
    chosen = choose_profile(Profile(), [("the series Oz", preference)])
    assert {name: getattr(chosen.profile, name) for name in expected} == expected
    assert "minimum_seeders" not in chosen.sources
