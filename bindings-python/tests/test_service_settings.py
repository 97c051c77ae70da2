"""The example service's settings: what makes no sense is refused at the start, by name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT
from running import SECRET

from moments import unix_ms
from settings import Settings

ENV = {"PUSH_SECRET": SECRET, "MCLOUD_TOKEN": "crk_1", "WELLCLOUD_TOKEN": "w1", "VOIPBIN_TOKEN": "v1"}


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("SETTLE_S", "NaN", "0 to 31536000 seconds"),
        ("SETTLE_S", "-1", "0 to 31536000 seconds"),
        ("DEADLINE_S", "2h", "0 to 31536000 seconds"),
        ("DEADLINE_S", "1e3", "0 to 31536000 seconds"),
        ("GIVE_UP_S", "inf", "0 to 31536000 seconds"),
        ("RETRY_S", "0", "0.1 to 86400 seconds"),
        ("RETRY_S", "nan", "0.1 to 86400 seconds"),
        ("POLL_S", "0", "0.01 to 86400 seconds"),
        ("POLL_S", "9000000", "0.01 to 86400 seconds"),
        ("EXPECT_CDR", "yes", "0 or 1"),
        ("EXPECT_CDR", "2", "0 or 1"),
        ("ALLOW_PRIVATE_ADDRESSES", "no", "0 or 1"),
        ("TENCENT_DIRECTION", "inbound", "in or out"),
        ("WELLCLOUD_DIRECTION", "internal", "in or out"),
        ("VOIPBIN_DIRECTION", "In", "in or out"),
        ("COUNTRY_CODE", "+66", "1 to 3 digits"),
        ("TRUNK_PREFIX", "zero", "at most 2 digits"),
        ("UTC_OFFSET", "7", "an offset such as"),
        ("UTC_OFFSET", "+19:00", "an offset such as"),
        ("TRACK_HOSTS", "https://files.example.com", "hosts such as"),
        ("TRACK_HOSTS", ".myqcloud.com,", "hosts such as"),
        ("MCLOUD_URL", "phone.mcloud.co.th", "an address such as"),
        ("VOIPBIN_URL", "ftp://h", "an address such as"),
        ("VOIPBIN_SINCE", "2026-05-20", "a moment such as"),
        ("VOIPBIN_SINCE", "2026-05-20T08:14:00", "a moment such as"),
        ("VOIPBIN_SINCE", "2026-02-31T08:14:00Z", "a moment such as"),
        ("VOIPBIN_SINCE", "soon", "a moment such as"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, wrong: str, expected: str) -> None:
    with pytest.raises(ValueError) as refused:
        Settings.of({**ENV, name: wrong})
    found = wrong.rpartition(",")[2] if name == "TRACK_HOSTS" else wrong
    assert str(refused.value).startswith(f"{name}: found {found!r}, expected ") and expected in str(refused.value)


@pytest.mark.parametrize("secret", ["", "short", "sixteen/characters", "sixteen characters", "%00%00%00%00%00%00"])
def test_a_secret_that_no_address_holds_is_refused_and_not_told(secret: str) -> None:
    with pytest.raises(ValueError) as refused:
        Settings.of({**ENV, "PUSH_SECRET": secret})
    assert str(refused.value).startswith(f"PUSH_SECRET: found {len(secret)} characters, expected 16 or more")
    assert not secret or secret not in str(refused.value)


def test_keys_are_needed_single_and_not_told() -> None:
    for more, words in [
        ({"MCLOUD_TOKEN": ""}, "MCLOUD_TOKEN: found nothing"),
        ({"MCLOUD_TOKEN": "crk 1"}, "MCLOUD_TOKEN: found 5 characters"),
        ({"VOIPBIN_ACCESS_KEY": "k1"}, "VOIPBIN_TOKEN and VOIPBIN_ACCESS_KEY: found both"),
        (
            {"VOIPBIN_TOKEN": "", "POLL_S": "30"},
            "POLL_S: found it, expected VOIPBIN_TOKEN or VOIPBIN_ACCESS_KEY beside",
        ),
        ({"WELLCLOUD_TOKEN": "", "WELLCLOUD_URL": "http://h"}, "WELLCLOUD_URL: found it, expected WELLCLOUD_TOKEN"),
    ]:
        with pytest.raises(ValueError, match=words) as refused:
            Settings.of({**ENV, **more})
        assert not {"crk 1", "k1", "v1"} & set(str(refused.value).split())


def test_settings_are_what_they_say() -> None:
    more = {"EXPECT_CDR": "0", "SETTLE_S": "0.5", "RETRY_S": "3", "TRUNK_PREFIX": "", "TENCENT_DIRECTION": "out"}
    more |= {
        "TRACK_HOSTS": "A.example, .b.example",
        "ALLOW_PRIVATE_ADDRESSES": "0",
        "VOIPBIN_SINCE": "1970-01-01T07:00:01+07:00",
    }
    settings = Settings.of({**ENV, **more})
    assert settings.patience == {"expectsCdr": False, "settleMs": 500}
    assert settings.policy == {"budgetMs": 3000, "restMs": 3000} and settings.give_up_s == 86_400
    assert (settings.trunk_prefix, settings.directions) == ("", {"tencent": "out"})
    assert (settings.hosts, settings.allow_private) == (("a.example", ".b.example"), False)
    assert settings.voipbin_since_ms == 1000
    # An empty variable is as one that is not there.
    plain = Settings.of({"PUSH_SECRET": SECRET, "MCLOUD_TOKEN": "crk_1", "WELLCLOUD_TOKEN": "", "EXPECT_CDR": ""})
    assert (plain.wellcloud, plain.voipbin, plain.patience, plain.policy) == (None, None, {"expectsCdr": True}, None)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T07:00:00.0019+07:00", 1),
        ("1969-12-31T23:59:59.999Z", -1),
        ("1969-12-31T23:59:59.9995Z", 0),
        ("1971-02-01T12:00:00.8Z", 34_257_600_800),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("0000-01-01T00:00:00Z", None),
        ("2024-02-29T00:00:00+00:60", None),
    ],
)
def test_moments_at_the_edges_are_the_same_in_every_language(text: str, ms: int | None) -> None:
    assert unix_ms(text) == ms


def test_a_wrong_setting_ends_the_start_with_one_line() -> None:
    program = ROOT / "bindings-python/examples/service/service.py"
    env = {**os.environ, **ENV, "POLL_S": "nan"}
    run = subprocess.run([sys.executable, program], env=env, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "POLL_S: found 'nan', expected 0.01 to 86400 seconds\n"
