import pytest
import torch

from fom_core.geometry import gaussian_heatmap, identity_grid, inverse_2x2, resize_flow, warp


def test_the_identity_grid_leaves_an_image_unchanged():
    image = torch.rand(2, 3, 9, 14)
    grid = identity_grid(9, 14, like=image).expand(2, -1, -1, -1)
    torch.testing.assert_close(warp(image, grid, align_corners=True), image, rtol=0, atol=1e-4)


def test_grids_are_inverse_maps():
    image = torch.zeros(1, 1, 5, 5)
    image[..., 2, 4] = 1
    shifted = identity_grid(5, 5, like=image) + torch.tensor([0.5, 0.0])  # look one pixel to the right
    assert warp(image, shifted[None], align_corners=True)[0, 0, 2, 3] == pytest.approx(1)


def test_one_image_serves_a_batch_of_grids():
    image = torch.rand(1, 3, 6, 6)
    grids = torch.rand(4, 6, 6, 2) * 2 - 1
    torch.testing.assert_close(
        warp(image, grids, align_corners=True), warp(image.repeat(4, 1, 1, 1), grids, align_corners=True)
    )


def test_a_gaussian_peaks_at_its_point():
    points = torch.tensor([[[-1.0, 1.0], [0.0, 0.0]]])
    heat = gaussian_heatmap(points, (5, 5), 0.01)
    assert heat.shape == (1, 2, 5, 5)
    assert heat[0, 0, 4, 0] == 1 and heat[0, 1, 2, 2] == 1
    assert heat[0, 1, 2, 3] == pytest.approx(float(torch.exp(torch.tensor(-0.5 * 0.25 / 0.01))), rel=1e-4)


def test_the_closed_form_inverse_is_the_inverse():
    matrices = torch.eye(2) + 0.4 * torch.randn(7, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(inverse_2x2(matrices), torch.linalg.inv(matrices), rtol=1e-4, atol=1e-4)


def test_resizing_a_flow_to_its_own_size_returns_it():
    flow = torch.rand(1, 4, 4, 2)
    assert resize_flow(flow, (4, 4), displacement=False) is flow
    assert resize_flow(flow, (8, 6), displacement=True).shape == (1, 8, 6, 2)


@pytest.mark.parametrize("size", [(6, 8), (9, 14), (16, 24), (45, 60)])
def test_a_flow_resized_as_displacement_moves_nothing_where_it_moved_nothing(size):
    still = identity_grid(9, 14, like=torch.zeros(1))[None]
    resized = resize_flow(still, size, displacement=True)
    torch.testing.assert_close(resized[0], identity_grid(*size, like=still), rtol=0, atol=1e-6)


def test_a_flow_resized_as_places_shrinks_the_picture_as_the_authors_do():
    still = identity_grid(32, 32, like=torch.zeros(1))[None]
    resized = resize_flow(still, (64, 64), displacement=False)
    inner = resized[0, 32, 1:-1, 0] / identity_grid(64, 64, like=still)[32, 1:-1, 0]
    torch.testing.assert_close(inner, torch.full_like(inner, 32 / 31 * 63 / 64), rtol=0, atol=1e-4)
