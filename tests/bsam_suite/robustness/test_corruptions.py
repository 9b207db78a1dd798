"""Corruptions against closed forms and torchvision."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from bsam_suite.errors import InputError
from bsam_suite.robustness.corruptions import CORRUPTIONS, GREY, corrupted


def corrupt(name, images, severity, seed=0):
    return CORRUPTIONS[name](images, severity, torch.Generator("cpu").manual_seed(seed))


@pytest.fixture
def images():
    g = torch.Generator("cpu").manual_seed(1)
    return torch.randint(0, 256, (4, 3, 20, 32), generator=g, dtype=torch.uint8, device="cpu")


def test_noise_has_the_standard_deviation_that_is_stated():
    flat = torch.full((8, 3, 64, 64), 128, dtype=torch.uint8, device="cpu")
    for severity in (0.02, 0.1):
        found = corrupt("noise", flat, severity)
        assert found.dtype == torch.uint8
        # Rounding adds a variance of 1/12; 98,304 values estimate it to 0.23%.
        std = ((255 * severity) ** 2 + 1 / 12) ** 0.5
        assert found.double().std().item() == pytest.approx(std, rel=0.01)
        assert found.double().mean().item() == pytest.approx(128, abs=0.4)
    assert torch.equal(found, corrupt("noise", flat, severity))
    assert not torch.equal(found, corrupt("noise", flat, severity, seed=1))
    white = corrupt("noise", torch.full_like(flat, 255), 0.1)  # cut off, not wrapped around
    assert white.min() > 100 and (white == 255).double().mean().item() == pytest.approx(
        0.5, abs=0.02
    )


def test_a_blurred_point_is_the_kernel():
    image = torch.zeros(1, 1, 25, 31, dtype=torch.uint8, device="cpu")
    image[..., 12, 15] = 255
    sigma = 0.04 * 25
    down, right = ((torch.arange(n, device="cpu") - n // 2).double() for n in (25, 31))
    kernel = torch.exp(-(down[:, None] ** 2 + right**2) / (2 * sigma**2))
    # Off by the rounding and what lies beyond 4 standard deviations.
    wanted = 255 * kernel / kernel.sum()
    assert (corrupt("blur", image, 0.04)[0, 0] - wanted).abs().max() < 0.51


def test_blur_is_that_of_torchvision(images):
    sigma = 0.1 * 20
    side = 2 * int(4 * sigma + 0.5) + 1
    wanted = functional.gaussian_blur(images.float(), [side, side], [sigma, sigma])
    found = corrupt("blur", images, 0.1)
    assert (found - wanted).abs().max() < 0.51
    assert (found.float() - images).abs().mean() > 20
    assert torch.equal(corrupt("blur", images, 0.0), images)


def test_a_square_is_hidden_somewhere(images):
    images = images.masked_fill(images == GREY, 0).repeat(16, 1, 1, 1)
    found = corrupt("occlusion", images, 0.25)
    hidden = found == GREY
    assert torch.equal(found[~hidden], images[~hidden])
    corners = set()
    for one in hidden:
        rows, columns = one.any((0, 2)).nonzero(), one.any((0, 1)).nonzero()
        assert len(rows) == len(columns) == 5 and one.sum() == 3 * 25
        corners.add((rows[0].item(), columns[0].item()))
    assert len(corners) > 40  # of 64 draws from 448
    tops, lefts = map(set, zip(*corners))
    assert {min(tops), max(tops)} == {0, 15} and min(lefts) < 3 and max(lefts) > 24
    assert (corrupt("occlusion", images, 1.0) == GREY).sum() == 64 * 3 * 20 * 20
    assert torch.equal(corrupt("occlusion", images, 0.0), images)


def test_contrast_is_relative_to_the_mean_of_each_channel(images):
    mean = images.double().mean((2, 3), keepdim=True)
    assert torch.equal(corrupt("contrast", images, 0.0), mean.round().expand(images.shape).byte())
    assert torch.equal(corrupt("contrast", images, 1.0), images)
    found = corrupt("contrast", images, 0.4)
    assert (found - (0.4 * images + 0.6 * mean)).abs().max() < 0.501


def test_brightness_is_a_number_of_grey_levels(images):
    assert torch.equal(corrupt("brightness", images, 0.2).int(), (images.int() + 51).clamp(max=255))


def test_batches_of_a_tensor_and_of_a_list(images):
    samples = [object()]
    for inputs in (images, list(images), [images[0], images[1][:, :7]]):
        batch = dict(inputs=inputs, data_samples=samples)
        found = corrupted(batch, "contrast", 0.4, torch.Generator("cpu"))
        assert found["data_samples"] is samples and batch["inputs"] is inputs
        assert type(found["inputs"]) is type(inputs)
        for image, result in zip(inputs, found["inputs"]):
            assert torch.equal(result, corrupt("contrast", image[None], 0.4)[0])


@pytest.mark.parametrize(
    "batch, found",
    [
        (dict(inputs=torch.zeros(2, 3, 4, 4)), "inputs of type torch.float32"),
        (dict(inputs=[torch.zeros(3, 4, 4)]), "inputs of type list of torch.float32"),
        (dict(x=0, y=1), r"a dict with \['x', 'y'\]"),
        ([1, 2], "a list of int"),
    ],
)
def test_a_batch_without_images_of_grey_levels_is_refused(batch, found):
    with pytest.raises(InputError, match=f"corruption blur: a batch of val_dataloader has {found}"):
        corrupted(batch, "blur", 0.1, torch.Generator("cpu"))
