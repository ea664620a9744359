# SPDX-License-Identifier: Apache-2.0
"""Videos and the data set of clips."""
import pytest
import torch

import permafrost


@pytest.fixture(scope="module")
def video(videos):
    return permafrost.open_video(sorted(videos.rglob("*.mp4"))[0])


def test_a_video_says_what_it_is(video):
    assert (len(video), video.height, video.width, video.fps) == (9, 48, 48, 8)
    assert not video.still
    assert "9 frames of 48x48" in repr(video)


def test_frames_come_in_the_order_asked_for(video):
    all_frames = video[:]
    assert all_frames.shape == (9, 48, 48, 3)
    assert all_frames.dtype == torch.uint8
    assert torch.equal(video.read([5, 2, 5]), all_frames[[5, 2, 5]])
    assert torch.equal(video[3], all_frames[3])
    assert torch.equal(video[-1], all_frames[8])
    assert torch.equal(video[1:7:2], all_frames[[1, 3, 5]])
    assert video.read([0], size=(24, 24)).shape == (1, 24, 24, 3)
    with pytest.raises(IndexError):
        video[9]
    with pytest.raises(permafrost.InputError):
        video.read([9])
    with pytest.raises(permafrost.InputError, match="at least one frame"):
        video.read([])


def test_a_clip_is_what_encoders_are_shown(video):
    assert torch.equal(video.clip(8, (48, 48), frame_step=1)[0], video[0])


def test_a_file_that_is_no_video(tmp_path):
    with pytest.raises(permafrost.InputError, match="nothing.mp4"):
        permafrost.open_video(tmp_path / "nothing.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(permafrost.InputError, match="text.mp4"):
        permafrost.open_video(tmp_path / "text.mp4")


def dataset(videos, **options):
    return permafrost.clips(videos / "train.csv", frames=8, size=(48, 48), frame_step=1,
                            **{"batch": 10, **options})


def test_batches_hold_every_sample_once(videos):
    data = dataset(videos)
    batches = list(data)
    assert len(data) == len(batches) == 3
    assert [batch.pixels.shape for batch in batches] == [(10, 8, 48, 48, 3)] * 2 + [(4, 8, 48, 48, 3)]
    assert torch.cat([batch.indices for batch in batches]).tolist() == list(range(24))
    assert torch.cat([batch.labels for batch in batches]).tolist() == data.labels
    assert sum((batch.names for batch in batches), []) == data.names
    assert not any(sum((batch.failures for batch in batches), []))


def test_pixels_are_those_of_the_files(videos):
    batch = next(iter(dataset(videos, batch=4)))
    for name, pixels in zip(batch.names, batch.pixels):
        video = permafrost.open_video(videos / name)
        assert torch.equal(pixels, video.clip(8, (48, 48), frame_step=1)), name


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(videos, threads):
    expected = torch.cat([batch.pixels for batch in dataset(videos, threads=1)])
    found = torch.cat([batch.pixels for batch in dataset(videos, threads=threads, ahead=1)])
    assert torch.equal(found, expected)


def test_shuffling_is_decided_by_seed_and_epoch(videos):
    def orders(data):
        return [torch.cat([batch.indices for batch in data]).tolist() for _ in range(2)]

    first, second = orders(dataset(videos, shuffle=True, seed=7))
    assert sorted(first) == sorted(second) == list(range(24))
    assert first != second
    assert orders(dataset(videos, shuffle=True, seed=7)) == [first, second]
    again = dataset(videos, shuffle=True, seed=7)
    again.set_epoch(1)
    assert orders(again)[0] == second


def test_several_clips_a_sample(videos):
    batch = next(iter(dataset(videos, clips=2)))
    assert batch.pixels.shape == (10, 2, 8, 48, 48, 3)


def test_it_is_a_data_set_of_pytorch(videos):
    loader = torch.utils.data.DataLoader(dataset(videos), batch_size=None)
    assert len(list(loader)) == 3
    with pytest.raises(permafrost.InputError, match="num_workers: expected 0"):
        list(torch.utils.data.DataLoader(dataset(videos), batch_size=None, num_workers=1))


def test_a_pass_may_be_left_early(videos):
    for _ in range(3):
        next(iter(dataset(videos, batch=2)))


def test_a_file_that_is_missing_or_broken(videos, tmp_path):
    (tmp_path / "broken.mp4").write_text("no video")
    whole = sorted(videos.rglob("*.mp4"))[0]
    (tmp_path / "list.csv").write_text(f"{whole} 0\nbroken.mp4 1\n")
    data = permafrost.clips(tmp_path / "list.csv", frames=8, size=(48, 48), frame_step=1)
    batch = next(iter(data))
    assert batch.failures[0] == "" and "broken.mp4" in batch.failures[1]
    assert batch.pixels[1].max() == 0
    strict = permafrost.clips(tmp_path / "list.csv", frames=8, size=(48, 48), strict=True)
    with pytest.raises(permafrost.InputError, match="broken.mp4"):
        list(strict)
    (tmp_path / "list.csv").write_text(f"{whole} 0\ngone.mp4 1\n")
    with pytest.raises(permafrost.InputError, match="gone.mp4"):
        permafrost.clips(tmp_path / "list.csv")


def test_a_list_that_is_malformed_names_the_line(tmp_path):
    (tmp_path / "list.csv").write_text("a.mp4 0\nb.mp4\n")
    with pytest.raises(permafrost.InputError, match=r"list.csv:2"):
        permafrost.clips(tmp_path / "list.csv")


def test_numbers_that_make_no_sense(videos):
    for options in ({"batch": 0}, {"clips": 0}, {"ahead": 0}, {"threads": -1}):
        with pytest.raises(permafrost.InputError, match=next(iter(options))):
            list(dataset(videos, **options))
