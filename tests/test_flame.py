"""A flame graph of a profile: names, widths and places of its frames, as SVG and as text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest

from tflm_wasm import OpTime, Profile

SVG = "{http://www.w3.org/2000/svg}"
OPS = (
    OpTime(0, "CONV_2D", 250, (1, 8, 8, 4), 9216),
    OpTime(1, "RELU", 1, (1, 8, 8, 4), 0),
    OpTime(2, "FULLY_CONNECTED", 349, (1, 10), 2560),
    OpTime(3, "CONV_2D", 400, (1, 4, 4, 8), 4608),
    OpTime(4, "RESHAPE", 0, (), 0),
)
PROFILE = Profile(OPS, 1_000_000, 7)  # 1000 µs in all


@dataclass(frozen=True)
class Drawn:
    title: str
    label: str
    x: float
    y: float
    width: float


def drawn(svg: str) -> list[Drawn]:
    tree = ET.fromstring(svg)  # noqa: S314 - our own
    found = []
    for group in tree.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, width = (float(rect.attrib[name]) for name in ("x", "y", "width"))
        label = group.findtext(f"{SVG}text", "")
        found.append(Drawn(group.findtext(f"{SVG}title", ""), label, x, y, width))
    return found


def test_each_frame_tells_name_time_and_share_and_is_as_wide_as_its_share():
    frames = drawn(PROFILE.to_flame_graph("tiny"))
    assert {one.title: one.width for one in frames} == {
        "tiny: 1,000.00 µs, 100.0%": 1000,
        "CONV_2D: 650.00 µs, 65.0%": 650,
        "3 CONV_2D 1x4x4x8: 400.00 µs, 40.0%": 400,
        "0 CONV_2D 1x8x8x4: 250.00 µs, 25.0%": 250,
        "FULLY_CONNECTED: 349.00 µs, 34.9%": 349,
        "2 FULLY_CONNECTED 1x10: 349.00 µs, 34.9%": 349,
        "RELU: 1.00 µs, 0.1%": 1,
        "1 RELU 1x8x8x4: 1.00 µs, 0.1%": 1,
    }


def test_frames_of_a_level_lie_side_by_side_above_what_they_are_part_of():
    frames = {one.title.split(":")[0]: one for one in drawn(PROFILE.to_flame_graph("tiny"))}
    levels = sorted({one.y for one in frames.values()}, reverse=True)
    model, kinds, operators = ([f for f in frames.values() if f.y == y] for y in levels)
    assert [one.x for one in model] == [0]
    assert [one.x for one in kinds] == [0, 650, 999]  # the longest first
    assert [one.x for one in operators] == [0, 400, 650, 999]
    assert frames["0 CONV_2D 1x8x8x4"].x == 400
    assert {one.title.split()[0] for one in kinds} == {"CONV_2D:", "FULLY_CONNECTED:", "RELU:"}


def test_a_label_is_cut_to_its_frame_and_left_out_of_a_narrow_one():
    ops = tuple(OpTime(i, "CONV_2D", t) for i, t in enumerate((800, 150, 49, 1)))
    labels = {one.title: one.label for one in drawn(Profile(ops, 0, 0).to_flame_graph())}
    assert labels["0 CONV_2D: 800 ticks, 80.0%"] == "0 CONV_2D: 800 ticks, 80.0%"
    cut = labels["1 CONV_2D: 150 ticks, 15.0%"]
    assert cut.endswith("…")
    assert "1 CONV_2D: 150 ticks, 15.0%".startswith(cut[:-1])
    assert 15 <= len(cut) <= 25  # of 150 px
    assert 3 <= len(labels["2 CONV_2D: 49 ticks, 4.9%"]) <= 6
    assert labels["3 CONV_2D: 1 ticks, 0.1%"] == ""


def test_folded_stacks_have_a_line_for_each_operator_that_took_time():
    assert PROFILE.to_folded_stacks("tiny").splitlines() == [
        "tiny;CONV_2D;3 CONV_2D 1x4x4x8 400",
        "tiny;CONV_2D;0 CONV_2D 1x8x8x4 250",
        "tiny;FULLY_CONNECTED;2 FULLY_CONNECTED 1x10 349",
        "tiny;RELU;1 RELU 1x8x8x4 1",
    ]


def test_names_from_a_file_break_neither_format():
    name = 'a;b\n<script>"&\x00\x1b[0m'
    profile = Profile((OpTime(0, name, 3), OpTime(1, "", 1)), 0, 0)
    titles = [one.title for one in drawn(profile.to_flame_graph(name))]
    assert [title for title in titles if "<script>" in title] == titles[:3]
    assert titles[3:] == ["unknown: 1 ticks, 25.0%", "1: 1 ticks, 25.0%"]
    lines = profile.to_folded_stacks(name).splitlines()
    assert [line.count(";") for line in lines] == [2, 2]
    assert [int(line.rsplit(" ", 1)[1]) for line in lines] == [3, 1]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("ops", [(), (OpTime(0, "ADD", 0),)])
def test_a_profile_without_any_time_is_an_empty_graph(ops):
    profile = Profile(ops, 1000, 0)
    assert drawn(profile.to_flame_graph()) == []
    assert profile.to_folded_stacks() == ""


def test_the_graph_is_a_file_of_its_own():
    svg = PROFILE.to_flame_graph()
    assert 'xmlns="http://www.w3.org/2000/svg"' in svg
    assert not re.search(r"<script|href|@import|url\(", svg)
