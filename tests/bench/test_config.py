"""Configurations: those that come with the package, and files that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from tflm_wasm import bench
from tflm_wasm.bench import BENCHMARKS, ConfigError, EngineAbsentError, read_config

MLPERF = ("kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8", "ad01_int8")
LEAST = '[[benchmark]]\nname = "invoke"\n'


@pytest.mark.parametrize("name", bench.config_names())
def test_a_configuration_of_the_package_can_be_read(name):
    config = read_config(name)
    assert config.name == name
    assert config.baseline == "tflm-wasm"
    assert config.engines[0].is_own
    assert all(models == MLPERF for models in config.means.values())


def test_together_they_run_every_benchmark():
    configs = [read_config(name) for name in bench.config_names()]
    assert {plan.kind.name for one in configs for plan in one.plans} == set(BENCHMARKS)


def test_programs_that_configurations_name_come_with_the_package():
    commands = [one.command for one in read_config("browser").engines if one.command]
    assert [Path(command[-1]).is_file() for command in commands] == [True]


def test_the_million_invokes_are_in_a_configuration_of_their_own():
    (plan,) = read_config("endurance").plans
    assert plan.options["invokes"] == 1_000_000
    others = [read_config(name) for name in bench.config_names() if name != "endurance"]
    assert "endurance" not in {plan.kind.name for one in others for plan in one.plans}


def written(folder, text):
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_says_what_is_measured(tmp_path):
    config = read_config(
        written(
            tmp_path,
            """
            title = "mine"
            engines = ["tflm-wasm", "xnn"]
            baseline = "xnn"
            turns = 7
            models = ["a.tflite"]
            seed = 3
            pin = false

            [engine.xnn]
            command = ["node", "./xnn.js"]

            [mean]
            some = ["a", "b"]

            [[benchmark]]
            name = "invoke"
            frames = 9

            [[benchmark]]
            name = "threads"
            turns = 2
            invokes = 5
            """,
        )
    )
    assert (config.title, config.baseline, config.seed, config.pin) == ("mine", "xnn", 3, False)
    assert config.models == (tmp_path / "a.tflite",)
    assert config.means == {"some": ("a", "b")}
    assert config.engines[1].worker() == ["node", str(tmp_path / "xnn.js")]
    assert not config.engines[1].is_own
    invoke, threads = config.plans
    assert (invoke.turns, invoke.frames, invoke.options) == (7, 9, {})
    assert (threads.turns, threads.frames, threads.options) == (2, 50, {"invokes": 5})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no \\[\\[benchmark\\]\\]"),
        ("= 3", "mine.toml"),
        ("color = 1\n" + LEAST, "no key color"),
        ('[[benchmark]]\nname = "speed"', "no benchmark 'speed'"),
        (LEAST + "invokes = 3", "no key invokes"),
        (LEAST + "turns = 0", "turns = 0"),
        (LEAST + 'turns = "many"', "turns = 'many'"),
        ('[[benchmark]]\nname = "threads"\ninvokes = "x"', "is not of type int"),
        ('engines = ["tf-wasm"]\n' + LEAST, "no engine 'tf-wasm'"),
        ('baseline = "tflite_micro"\n' + LEAST, "none of its engines"),
        ("engine.x = {}\n" + LEAST, "command"),
        ("engines = []\n" + LEAST, "no engine"),
        ("benchmark = 3", "mine.toml"),
        ('mean = ["a"]\n' + LEAST, "mine.toml"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_the_reason(tmp_path, text, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        read_config(written(tmp_path, text))
    assert caught.value.path.endswith("mine.toml")


def test_a_file_that_is_not_there_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match="No such file") as caught:
        read_config("nothing")
    assert "quick" in caught.value.hint


def test_counts_engines_benchmarks_and_options_can_be_changed():
    config = read_config("host").with_counts(turns=2, frames=None).with_engines(["ai_edge_litert"])
    assert {plan.turns for plan in config.plans} == {2}
    assert {plan.frames for plan in config.plans} == {50}
    assert [one.name for one in config.engines] == ["tflm-wasm", "ai_edge_litert"]
    config = config.with_option("threads.invokes=7").only(["threads"])
    (plan,) = config.plans
    assert (plan.options, plan.turns) == ({"invokes": 7}, 2)


@pytest.mark.parametrize(
    ("assignment", "reason"),
    [
        ("speed.invokes=3", "no benchmark 'speed'"),
        ("threads.speed=3", "no key speed"),
        ("threads.invokes=x", "threads.invokes=x"),
        ("threads.invokes", "threads.invokes"),
        ("threads.invokes='x'", "not of type int"),
    ],
)
def test_an_option_that_there_is_not_is_refused(assignment, reason):
    with pytest.raises(ConfigError, match=reason):
        read_config("host").with_option(assignment)


def test_a_benchmark_or_engine_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="no benchmark 'board'"):
        read_config("host").only(["board"])
    with pytest.raises(EngineAbsentError, match="no engine 'x'"):
        read_config("host").with_engines(["x"])


def test_engines_that_are_not_installed_are_left_out_but_the_baseline(monkeypatch):
    from tflm_wasm import oracles

    monkeypatch.setattr(oracles, "installed", lambda _: False)
    config = read_config("host")
    there = config.installed()
    assert [one.name for one in there.engines] == ["tflm-wasm"]
    assert list(there.absent) == [one.name for one in config.engines[1:]]
