"""Configurations: the core's fields, defaults and checks under Python's names."""

import dataclasses
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import callweave
from callweave import AlignOptions, Config, DecodeOptions, EchoPrior, MixConfig, OffsetPrior, SpeechConfig, _callweave
from callweave._record import camel
from callweave.config import _DEFAULTS, _WHERE_GIVEN


def test_every_field_of_the_core_has_a_name_here_and_no_other() -> None:
    def names(record: type) -> set[str]:
        return {camel(f.name) for f in dataclasses.fields(record)}

    unsaid = {"downsampleHz", "offsetPrior", "echoPrior"}
    assert names(Config) == set(_DEFAULTS) | set(_WHERE_GIVEN) - unsaid
    for name, section in vars(Config()).items():
        if dataclasses.is_dataclass(section):
            assert names(type(section)) - unsaid == set(_DEFAULTS[camel(name)]), name


def test_defaults_are_the_cores() -> None:
    assert Config().changes() == {} and Config().to_dict() == _DEFAULTS
    assert Config().config_hash() == _callweave.read_config("{}")[2]


def test_changes_are_told_and_configurations_compare_and_pickle() -> None:
    config = Config(speech=SpeechConfig(threshold=0.75), mix=MixConfig(rate=8000, level="-23lufs"))
    assert config.changes() == {"speech": {"threshold": 0.75}, "mix": {"rate": 8000, "level": "-23lufs"}}
    assert pickle.loads(pickle.dumps(config)) == config != Config()
    assert hash(config) == hash(Config.from_json(config.to_json()))
    assert "threshold=0.75" in repr(config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.pii = "drop"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"speach": {}}', "speach"),
        ('{"speech": {"threshold": 2}}', "speech.threshold"),
        ("[]", "configuration"),
        ("", "EOF"),
    ],
)
def test_nonsense_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(callweave.errors.InvalidArgument, match=name) as caught:
        Config.from_json(text)
    assert caught.value.code == "invalid_argument" and caught.value.stage == "config"


def test_a_configuration_shows_what_differs() -> None:
    assert repr(Config()) == "Config()"
    config = Config(speech=SpeechConfig(threshold=0.75), pii="drop")
    assert repr(config) == "Config(speech=SpeechConfig(threshold=0.75), pii='drop')"
    assert eval(repr(config)) == config


def test_nonsense_is_refused_when_made() -> None:
    with pytest.raises(TypeError, match="mix: found dict, expected MixConfig"):
        Config(mix={"rate": 8000})  # type: ignore[arg-type]
    with pytest.raises(callweave.errors.InvalidArgument, match="speech.threshold"):
        Config(speech=SpeechConfig(threshold=2))


def test_what_is_given_goes_before_the_profile_and_all_else_is_as_it_says() -> None:
    trunk = {"name": "trunk", "config": {"speech": {"threshold": 0.6, "minSpeechMs": 200}, "voices": False}}
    default = SpeechConfig().threshold
    config = Config(profile=trunk, speech=SpeechConfig(threshold=default), voices=True)
    assert (config.speech.threshold, config.speech.min_speech_ms, config.voices) == (default, 200.0, True)
    plain = Config(profile=trunk)
    assert (plain.speech.threshold, plain.voices) == (0.6, False) and plain.changes()["voices"] is False
    read = {"profile": trunk, "speech": {"threshold": default}, "voices": True}
    part = SpeechConfig.from_dict({"threshold": default})
    for same in [
        Config.from_dict(read),
        Config.from_json(json.dumps(read)),
        Config.from_json(config.to_json()),
        pickle.loads(pickle.dumps(config)),
        dataclasses.replace(config, pii="keep"),
        Config(profile=trunk, speech=part, voices=True),
    ]:
        assert same == config and same.config_hash() == config.config_hash() != plain.config_hash()
    with pytest.raises(callweave.errors.InvalidArgument, match="speech.negThreshold"):
        Config(profile=trunk, speech=SpeechConfig(neg_threshold=0.7))


def test_an_offset_prior_is_read_and_written() -> None:
    prior = OffsetPrior(of="customer", after="agent", mean_ms=850, spread_ms=120, calls=40)
    config = Config(align=AlignOptions(offset_prior=prior))
    told = {"of": "customer", "after": "agent", "meanMs": 850, "spreadMs": 120, "calls": 40}
    assert config.changes() == {"align": {"offsetPrior": told}}
    by_names = {"of": "customer", "after": "agent", "mean_ms": 850, "spread_ms": 120, "calls": 40}
    read = {"align": {"offset_prior": by_names}}
    for same in [Config.from_dict(read), Config.from_json(config.to_json()), pickle.loads(pickle.dumps(config))]:
        assert same == config and same.align.offset_prior == prior
    by_profile = Config(profile={"name": "trunk", "config": {"align": {"offsetPrior": told}}})
    assert by_profile.align.offset_prior == prior
    with pytest.raises(callweave.errors.InvalidArgument, match="align.offsetPrior.calls"):
        Config(align=AlignOptions(offset_prior=dataclasses.replace(prior, calls=1)))


def test_a_lower_rate_is_read_written_and_used() -> None:
    config = Config(decode=DecodeOptions(downsample_hz=8000))
    assert config.changes() == {"decode": {"downsampleHz": 8000}}
    for same in [Config.from_dict(config.changes()), Config.from_json(config.to_json())]:
        assert same == config and same.decode.downsample_hz == 8000
    assert Config().decode.downsample_hz is None
    assert Config(decode=DecodeOptions(downsample_hz=None)).config_hash() == Config().config_hash()
    for wrong in [4000, 7999, 48_001]:
        with pytest.raises(callweave.errors.InvalidArgument, match=f"decode.downsampleHz: found {wrong} Hz"):
            Config(decode=DecodeOptions(downsample_hz=wrong))
    recording = "fixtures/codecs/mpeg2.mp3"
    whole, lower = callweave.decode(recording), callweave.decode(recording, config)
    assert (whole.sample_rate_hz, lower.sample_rate_hz) == (16_000, 8_000)
    assert lower.samples.shape[-1] == -(-whole.samples.shape[-1] // 2)
    assert whole.source is not None and whole.source.decoded_rate_hz is None
    assert lower.source is not None
    assert (lower.source.sample_rate_hz, lower.source.decoded_rate_hz) == (16_000, 8_000)
    [track] = callweave.analyze([recording], config).tracks
    assert track.source is not None and track.source.decoded_rate_hz == 8000


def test_an_echo_prior_is_read_and_written() -> None:
    prior = EchoPrior(near_share=0.25, far_ms=420, far_spread_ms=60)
    told = {"nearShare": 0.25, "farMs": 420, "farSpreadMs": 60}
    config = Config(align=AlignOptions(echo_prior=prior))
    assert config.changes() == {"align": {"echoPrior": told}}
    read = {"align": {"echo_prior": {"near_share": 0.25, "far_ms": 420, "far_spread_ms": 60}}}
    for same in [Config.from_dict(read), Config.from_json(config.to_json()), pickle.loads(pickle.dumps(config))]:
        assert same == config and same.align.echo_prior == prior
    near = Config(align=AlignOptions(echo_prior=EchoPrior(near_share=1)))
    assert near.changes() == {"align": {"echoPrior": {"nearShare": 1}}} and Config.from_json(near.to_json()) == near
    by_profile = Config(profile={"name": "trunk", "config": {"align": {"echoPrior": told}}})
    assert by_profile.align.echo_prior == prior
    with pytest.raises(callweave.errors.InvalidArgument, match="align.echoPrior.farSpreadMs"):
        Config(align=AlignOptions(echo_prior=EchoPrior(near_share=0.5, far_ms=420)))


@given(
    st.integers(8000, 48000), st.sampled_from(["split", "mono"]), st.sampled_from([0.35, 0.5, 0.75, 1.0]), st.booleans()
)
def test_what_is_written_reads_back(rate: int, layout: str, threshold: float, portable: bool) -> None:
    mix = MixConfig(rate=rate, layout=layout)  # type: ignore[arg-type]
    config = Config(mix=mix, speech=SpeechConfig(threshold=threshold), portable=portable)
    assert Config.from_json(config.to_json()) == config
    assert json.loads(config.to_json()) == config.to_dict()
