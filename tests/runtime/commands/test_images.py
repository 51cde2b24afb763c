"""Pictures for a model: the three ways to another size, and every conversion, each of which is said."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from runtime.bundle.manifest import RESIZES, InputRecord
from runtime.commands.images import SUFFIXES, fitted, read_image
from runtime.errors import InputError, PackageError

GREY = InputRecord("image", "image", (8, 8, 1), "uint8", 0, 255)
COLOURS = InputRecord("image", "image", (8, 8, 3), "uint8", 0, 255)
PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
LANCZOS = Image.Resampling.LANCZOS


def picture(height: int, width: int, mode: str = "L") -> Image.Image:
    """A picture without any symmetry."""
    shape = (height, width) if mode == "L" else (height, width, 3)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def save(folder, image, name="a.png", **options):
    image.save(folder / name, **options)
    return folder / name


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and np.array_equal(np.asarray(one), np.asarray(other))


def resized(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, image.height), LANCZOS).resize((width, height), LANCZOS)


def test_a_picture_is_resized_across_before_it_is_down_whatever_pillow_would_take_first():
    """Of a tall picture, Pillow 13 takes the other order."""
    image = picture(160, 45, "RGB")
    found = fitted(image, 28, 28)
    other = image.resize((45, 28), LANCZOS).resize((28, 28), LANCZOS)
    assert same(found, resized(image, 28, 28)) and not same(found, other)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_stretch_resizes_the_whole_picture(mode):
    image = picture(21, 30, mode)
    assert same(fitted(image, 8, 12, "stretch"), resized(image, 12, 8))
    assert same(fitted(image, 8, 12), resized(image, 12, 8))


@pytest.mark.parametrize(
    ("size", "wanted", "box"),
    [
        ((20, 31), (8, 8), (5, 0, 25, 20)),  # 11 columns too many: 5 on the left, 6 on the right
        ((31, 20), (8, 8), (0, 5, 20, 25)),
        ((10, 10), (6, 4), (1, 0, 8, 10)),  # 6.67 columns
        ((3, 9), (2, 1), (3, 0, 5, 3)),  # 1.5 columns: a half is rounded up
        ((9, 3), (1, 2), (0, 3, 3, 5)),
        ((1, 100), (50, 1), (49, 0, 50, 1)),  # at least one
        ((16, 24), (8, 12), (0, 0, 24, 16)),
    ],
)
def test_crop_cuts_the_largest_part_of_the_ratio_out_of_the_middle(size, wanted, box):
    image = picture(*size)
    assert same(fitted(image, *wanted, "crop"), resized(image.crop(box), *wanted[::-1]))


@pytest.mark.parametrize(
    ("size", "wanted", "inside"),  # inside: left, top, width, height
    [
        ((20, 30), (8, 8), (0, 1, 8, 5)),  # 5.33 rows; of 3 black ones, 1 is above and 2 are below
        ((30, 20), (8, 8), (1, 0, 5, 8)),
        ((16, 10), (4, 8), (2, 0, 3, 4)),  # 2.5 columns: a half is rounded up
        ((1, 100), (8, 8), (0, 3, 8, 1)),  # at least one
        ((16, 24), (8, 12), (0, 0, 12, 8)),
        ((2, 2), (6, 8), (1, 0, 6, 6)),  # a small picture grows
    ],
)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pad_lays_the_whole_picture_in_the_middle_of_black(size, wanted, inside, mode):
    image = picture(*size, mode)
    left, top, width, height = inside
    expected = np.zeros((*wanted, 3) if mode == "RGB" else wanted, np.uint8)
    expected[top : top + height, left : left + width] = np.asarray(resized(image, width, height))
    assert np.array_equal(np.asarray(fitted(image, *wanted, "pad")), expected)


@pytest.mark.parametrize("policy", RESIZES)
def test_a_picture_of_the_right_size_is_left_as_it_is(policy):
    image = picture(8, 12, "RGB")
    assert same(fitted(image, 8, 12, policy), image)


@pytest.mark.parametrize(
    ("policy", "note"),
    [
        (None, "resized from 20x40 to 8x8"),
        ("stretch", "resized from 20x40 to 8x8"),
        ("crop", "cropped and resized from 20x40 to 8x8"),
        ("pad", "resized and padded with black from 20x40 to 8x8"),
    ],
)
def test_the_record_says_how_and_a_note_what_was_done(tmp_path, policy, note):
    image = picture(40, 20)
    found, notes = read_image(save(tmp_path, image), GREY._replace(resize=policy))
    assert notes == [note]
    assert np.array_equal(found[0, ..., 0], np.asarray(fitted(image, 8, 8, policy)))


def test_a_picture_may_be_the_member_of_an_archive(tmp_path):
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, "png")
    found, notes = read_image(tmp_path / "a.zip" / "a.png", GREY, io.BytesIO(content.getvalue()))
    assert np.array_equal(found[0, ..., 0], PIXELS) and not notes
    with pytest.raises(InputError, match=r"a\.zip/a\.png: not a sound picture file"):
        read_image(tmp_path / "a.zip" / "a.png", GREY, io.BytesIO(content.getvalue()[:50]))


def test_an_image_of_the_right_size_is_read_as_it_is(tmp_path):
    found, notes = read_image(save(tmp_path, Image.fromarray(PIXELS)), GREY)
    assert found.shape == (1, 8, 8, 1) and np.array_equal(found[0, ..., 0], PIXELS) and not notes


def test_other_images_are_converted_and_it_is_said(tmp_path):
    large = Image.fromarray(np.full((40, 20, 3), (255, 0, 0), np.uint8))
    found, notes = read_image(save(tmp_path, large, "a.jpg", quality=95), GREY)
    assert found.shape == (1, 8, 8, 1) and np.abs(found.astype(int) - 76).max() <= 2  # the grey of red
    assert notes == ["colours became grey", "resized from 20x40 to 8x8"]


def test_transparent_parts_are_white_as_in_a_viewer(tmp_path):
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    found, notes = read_image(save(tmp_path, clear), GREY)
    assert (found == 255).all() and "transparent parts became white" in notes


def test_16_bits_are_scaled_and_not_clipped(tmp_path):
    deep = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    found, _ = read_image(save(tmp_path, deep), GREY)
    assert (found == 0x80).all()


def test_pixels_are_scaled_to_a_smaller_range(tmp_path):
    small = GREY._replace(high=16)
    found, notes = read_image(save(tmp_path, Image.new("L", (8, 8), 255)), small)
    assert (found == 16).all() and notes == ["pixels scaled from 0..255 to 0..16"]


def test_colours_are_kept_for_a_model_that_takes_them(tmp_path):
    found, notes = read_image(save(tmp_path, Image.new("RGB", (8, 8), (1, 2, 3))), COLOURS)
    assert found.shape == (1, 8, 8, 3) and (found == (1, 2, 3)).all() and not notes


def test_a_turned_photograph_is_upright(tmp_path):
    photograph = Image.fromarray(np.repeat(np.repeat(PIXELS, 8, 0), 8, 1))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    found, _ = read_image(save(tmp_path, photograph.rotate(180), "a.jpg", exif=exif, quality=95), GREY)
    assert np.abs(found[0, ..., 0].astype(int) - PIXELS).max() <= 8


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"<svg/>"])
def test_damaged_images_are_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="not a sound picture file"):
        read_image(tmp_path / "a.png", GREY)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_that_is_listed_is_read(tmp_path, suffix):
    path = save(tmp_path, Image.new("L", (8, 8), 200), f"a{suffix}")
    found, _ = read_image(path, GREY)
    assert np.abs(found.astype(int) - 200).max() <= 1


def test_a_kind_that_is_not_listed_is_refused(tmp_path):
    path = save(tmp_path, Image.new("L", (8, 8)), "a.tiff")
    with pytest.raises(
        InputError, match=r"not a sound picture file .*; known kinds: PNG, JPEG, BMP, GIF, WEBP"
    ):
        read_image(path, GREY)


def test_of_several_frames_the_first_is_read_and_it_is_said(tmp_path):
    frames = [Image.new("L", (8, 8), shade) for shade in (10, 200)]
    found, notes = read_image(
        save(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:]), GREY
    )
    assert (found == 10).all() and "the first of 2 frames" in notes


def test_a_missing_image_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"absent\.png: does not exist"):
        read_image(tmp_path / "absent.png", GREY)


def test_without_pillow_the_pip_line_is_printed(tmp_path, monkeypatch):
    path = save(tmp_path, Image.new("L", (8, 8)))
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(PackageError, match="needs Pillow; install it with: pip install pillow"):
        read_image(path, GREY)
