"""A contact sheet shows each operator, defects beside their twins, and the labels where they are wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from limbfix.errors import OutputError
from limbfix.synthesis.sheets import group_strip, picture_of, write_sheets


def test_there_is_a_sheet_for_each_operator(toy_stream, tmp_path):
    files = write_sheets(toy_stream, tmp_path / "sheets", groups=2, most_groups=6, cell_px=64)
    assert [file.name for file in files] == ["toys-fewer_bars.jpg", "toys-more_bars.jpg"]
    for file in files:
        assert 100 < Image.open(file).width < 400
        assert file.stat().st_size < 60_000


def test_pictures_stand_in_their_order_with_the_colour_of_their_role(toy_samples):
    strip = np.asarray(group_strip(toy_samples[:2], 48)).astype(int)
    twin, defect = strip[20, 0], strip[20, 52]
    assert twin[1] > twin[0]  # green
    assert defect[0] > defect[1]  # red
    assert np.array_equal(strip[2:50, 2:50], toy_samples[0].pixels)


def test_labels_change_the_instances_and_leave_the_background(toy_samples):
    sample = toy_samples[1]
    sample = replace(sample, instances=tuple(replace(item, joints=()) for item in sample.instances))
    plain, drawn = (np.asarray(picture_of(sample, 48, labels=labels)) for labels in (False, True))
    differs = (plain != drawn).any(-1)
    assert not differs[sample.instance_map == 0].any()
    assert differs[sample.instance_map > 0].mean() > 0.9


def test_joints_are_drawn_at_their_place(toy_samples):
    sample = toy_samples[0]
    x, y = sample.instances[2].joints[0].xy
    drawn = np.asarray(picture_of(sample, 96, labels=True))
    assert tuple(drawn[round(2 * y), round(2 * x)]) == (255, 255, 0)


def test_pictures_that_are_not_square_keep_their_shape(toy_samples):
    sample = toy_samples[0]
    wide = replace(sample, pixels=sample.pixels[:24], instance_map=sample.instance_map[:24])
    assert picture_of(wide, 96).size == (96, 48)


def test_a_folder_that_cannot_be_made_is_an_output_error(toy_stream, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="name another folder"):
        write_sheets(toy_stream, tmp_path / "file", groups=1, most_groups=1)
