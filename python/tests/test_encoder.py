# SPDX-License-Identifier: Apache-2.0
"""Loading, inspecting and features: arrays in and out, layouts, errors."""
import threading

import numpy
import pytest
import torch

import permafrost

from conftest import ENCODER


def test_the_zoo_comes_with_the_package():
    assert ENCODER in permafrost.zoo()


def test_an_encoder_says_what_it_is(encoder):
    assert encoder.name == ENCODER
    assert encoder.source == "zoo"
    assert encoder.clip == (8, 48, 48)
    assert encoder.spec["family"] == "vjepa"
    assert encoder.parameters > 100_000
    assert encoder.device == torch.device("cpu")
    assert ENCODER in repr(encoder)


def test_features_have_a_token_a_patch(encoder, pixels):
    features = encoder.features(pixels, layout="BTHWC")
    spec = encoder.spec
    assert features.dtype == torch.float32
    assert features.shape == (4, 4 * 6 * 6, spec["width"])
    assert features.isfinite().all()
    assert not features.requires_grad


@pytest.mark.parametrize("layout, order", [("BTHWC", (0, 1, 2, 3, 4)), ("BTCHW", (0, 1, 4, 2, 3)),
                                           ("BCTHW", (0, 4, 1, 2, 3))])
def test_layouts_are_the_same_clips(encoder, pixels, layout, order):
    expected = encoder(pixels)
    assert torch.equal(encoder.features(pixels.permute(order), layout=layout), expected)


def test_numpy_gives_numpy(encoder, pixels):
    features = encoder.features(pixels.numpy(), layout="BTHWC")
    assert isinstance(features, numpy.ndarray)
    assert numpy.array_equal(features, encoder(pixels).numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_normalised_values_of_any_floating_point(encoder, pixels, dtype):
    spec = encoder.spec
    mean = torch.tensor(spec.get("mean", (0.485, 0.456, 0.406)))
    deviation = torch.tensor(spec.get("deviation", (0.229, 0.224, 0.225)))
    values = ((pixels.float() / 255 - mean) / deviation).to(dtype)
    features = encoder.features(values, layout="BTHWC")
    assert features.dtype == torch.float32
    close = 1e-4 if dtype in (torch.float32, torch.float64) else 0.2
    assert (features - encoder(pixels)).abs().max() < close


def test_layers_and_their_order(encoder, pixels):
    last = encoder.spec["depth"] - 1
    features, layers = encoder.features(pixels, [last, 0], layout="BTHWC")
    assert torch.equal(features, encoder(pixels))
    assert torch.allclose(layers[0], features, atol=1e-6)
    assert (layers[1] - features).abs().max() > 0.01


def test_another_size_is_taken(encoder):
    clips = torch.zeros(1, 16, 64, 32, 3, dtype=torch.uint8)
    assert encoder.features(clips, layout="BTHWC").shape[1] == 8 * 8 * 4


def test_a_tensor_that_is_no_copy_of_itself(encoder, pixels):
    """Strides of slices and permutations reach the encoder as they are."""
    wide = torch.zeros(4, 8, 48, 96, 3, dtype=torch.uint8)
    wide[:, :, :, ::2] = pixels
    assert torch.equal(encoder(wide[:, :, :, ::2]), encoder(pixels))


def test_features_leave_the_input_alone_and_share_none_of_it(encoder, pixels):
    before = pixels.clone()
    features = encoder(pixels)
    kept = features.clone()
    pixels.zero_()
    assert torch.equal(features, kept)
    assert not torch.equal(pixels, before)


def test_threads_may_call_together(encoder, pixels):
    """The interpreter lock is not held: results of threads are those of one."""
    expected = encoder(pixels)
    found = [None] * 4

    def work(i):
        found[i] = encoder(pixels)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.allclose(one, expected, atol=1e-5) for one in found)


@pytest.mark.parametrize("call, text", [
    (lambda e: e.features(torch.zeros(2, 3)),
     "pixels: expected clips [B,T,3,H,W] (layout BTCHW) or images [B,3,H,W], found [2, 3]"),
    (lambda e: e.features(torch.zeros(1, 8, 3, 48, 48, dtype=torch.int64)),
     "pixels: expected uint8 pixels or floating-point values, found long int"),
    (lambda e: e.features(torch.zeros(1, 8, 3, 48, 48), [99]), "layers: expected blocks 0 to 3, found 99"),
    (lambda e: e.features(torch.zeros(1, 8, 3, 48, 48), tokens="some"),
     'tokens: expected patch or all, found "some"'),
    (lambda e: e.features([1, 2]), "pixels: expected a torch.Tensor or a NumPy array, found list"),
    (lambda e: e.features(torch.zeros(1, 8, 3, 50, 48)), "50"),
])
def test_bad_input_is_a_value_error_that_names_it(encoder, call, text):
    with pytest.raises(permafrost.InputError) as caught:
        call(encoder)
    assert text in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(permafrost.InputError, match="nearest name") as caught:
        permafrost.load_encoder("pico/vjepa-multiblok-1m")
    # The words of the program, which names its flag.
    with pytest.raises(permafrost.InputError) as of_program:
        permafrost.run("features", "--encoder", "pico/vjepa-multiblok-1m", "--input", "x",
                       "--output", "/tmp/x.safetensors")
    words = [str(error.value).split(": ", 1)[1] for error in (caught, of_program)]
    assert words[0] == words[1]


def test_inspect_tells_what_the_program_tells():
    found = permafrost.inspect(ENCODER)
    assert found["complete"]
    assert found["family"] == "vjepa"
    assert found["sha256"] == permafrost.load_encoder(ENCODER).sha256
    with pytest.raises(permafrost.InputError):
        permafrost.inspect("no/such/file")


def test_errors_are_of_the_package():
    assert permafrost.InputError.__module__ == "permafrost"
    assert issubclass(permafrost.Error, RuntimeError)
