"""The files that commands read: every kind, and every way in which one can be wrong."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.bundle.manifest import InputRecord
from runtime.commands.files import read_column, read_inputs, read_targets
from runtime.errors import InputError, UsageError
from tests.bundles import IMAGE, TABLE, npz

PIXELS = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder, name, content) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_arrays_are_read_from_every_container(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    paths = [
        tmp_path / "a.npy",
        write(tmp_path, "one.npz", npz(anything=PIXELS)),
        write(tmp_path, "two.npz", npz(inputs=PIXELS, targets=PIXELS[0])),
        write(tmp_path, "t10k-images-idx3-ubyte", idx(PIXELS)),
        write(tmp_path, "t10k-images-idx3-ubyte.gz", gzip.compress(idx(PIXELS))),
    ]
    for path in paths:
        found, notes = read_inputs(path, IMAGE)
        assert np.array_equal(found, PIXELS) and found.dtype == np.uint8 and not notes


def test_targets_are_read_from_every_container(tmp_path):
    labels = np.array([3, 1, 2], np.uint8)
    np.save(tmp_path / "a.npy", labels)
    for path in (
        tmp_path / "a.npy",
        write(tmp_path, "two.npz", npz(inputs=PIXELS, targets=labels)),
        write(tmp_path, "labels-idx1-ubyte.gz", gzip.compress(idx(labels))),
        write(tmp_path, "plain.csv", "3\n1\n2\n"),
        write(tmp_path, "named.csv", "label\n3\n1\n2\n"),
    ):
        assert read_targets(path).tolist() == [3, 1, 2]


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path):
    path = write(tmp_path, "a.csv", "price,height,width,depth\n9,3,2,1\n8,6,5,4\n")
    found, _ = read_inputs(path, TABLE)
    assert found.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read_column(path, "price").tolist() == [9, 8]
    plain, _ = read_inputs(write(tmp_path, "b.csv", "1,2,3\n\n4,5,6e0\n"), TABLE)
    assert plain.tolist() == [[1, 2, 3], [4, 5, 6]]
    marked, _ = read_inputs(write(tmp_path, "c.csv", "\ufeffdepth,width,height\r\n1,2,3\r\n"), TABLE)
    assert marked.tolist() == [[1, 2, 3]]


def test_pixels_may_come_in_lines(tmp_path):
    lines = "\n".join(",".join(map(str, row.ravel())) for row in PIXELS)
    found, _ = read_inputs(write(tmp_path, "a.csv", lines), IMAGE)
    assert np.array_equal(found[..., 0], PIXELS)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.npy", None, "does not exist"),
        ("absent.csv", None, "does not exist"),
        ("absent.png", None, "does not exist"),
        ("a.txt", b"", "unknown kind of file; known: .npy, .npz, .csv, .png"),
        ("a.npy", b"", "cannot be read"),
        ("a.npy", b"\x93NUMPY\x01\x00\xff", "cannot be read"),
        ("a.npy", b"\x80\x04\x95", "cannot be read"),
        ("a.npz", b"PK\x03\x04", "damaged|cannot be read"),
        ("a.npz", npz(one=PIXELS, two=PIXELS), "holds the arrays one, two; one must be called 'inputs'"),
        ("a-ubyte", b"", "not an IDX file"),
        ("a-ubyte", idx(PIXELS)[:-1], "whose header says 144"),
        ("a-ubyte", idx(PIXELS) + b"0", "whose header says 144"),
        ("a-ubyte", b"\x00\x00\x0d\x01" + bytes(8), "not an IDX file of bytes"),
        ("a-ubyte.gz", gzip.compress(idx(PIXELS))[:-9], "cannot be read"),
        ("a-ubyte.gz", b"\x1f\x8b\x00", "cannot be read"),
        ("a.csv", "depth,width\n1,2\n", "no column height; its columns: depth, width"),
        ("a.csv", "1,2\n", "has 2 columns and no header; this model takes depth, width, height"),
        ("a.csv", "1,2,3\n4,5\n", "row 2 has 2 cells, the first line has 3"),
        ("a.csv", "depth,width,height\n1,2,three\n", "row 1, column height: 'three' is not a number"),
        ("a.csv", "1,2,3\n1,,3\n", "row 2, column 2: '' is not a number"),
        ("a.csv", "depth,depth,height\n1,2,3\n", "two columns have the same name"),
        ("a.csv", b"\xff\xfe1", "cannot be read"),
        ("a.png", b"\x89PNG", "an image; this model takes tables with depth, width, height"),
    ],
)
def test_files_that_hold_no_table_are_refused(tmp_path, name, content, words):
    path = tmp_path / name if content is None else write(tmp_path, name, content)
    with pytest.raises(InputError, match=words):
        read_inputs(path, IMAGE if content is None and name.endswith("png") else TABLE)


def test_pixels_in_a_csv_must_be_whole(tmp_path):
    for cell in ("1.5", "nan"):
        line = ",".join([cell] * 64)
        with pytest.raises(InputError, match="64 whole pixel values"):
            read_inputs(write(tmp_path, "a.csv", line), IMAGE)


def test_targets_need_one_column(tmp_path):
    path = write(tmp_path, "a.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match="has the columns a, b; name one with --target-column"):
        read_targets(path)
    with pytest.raises(InputError, match="no column 'c'; its columns: a, b"):
        read_column(path, "c")
    with pytest.raises(InputError, match="it has no header"):
        read_column(write(tmp_path, "b.csv", "1,2\n"), "c")


def save(folder, image, name="a.png", **options):
    image.save(folder / name, **options)
    return folder / name


def test_an_image_of_the_right_size_is_read_as_it_is(tmp_path):
    found, notes = read_inputs(save(tmp_path, Image.fromarray(PIXELS[0])), IMAGE)
    assert found.shape == (1, 8, 8, 1) and np.array_equal(found[0, ..., 0], PIXELS[0]) and not notes


def test_other_images_are_converted_and_it_is_said(tmp_path):
    large = Image.fromarray(np.full((40, 20, 3), (255, 0, 0), np.uint8))
    found, notes = read_inputs(save(tmp_path, large, "a.jpg", quality=95), IMAGE)
    assert found.shape == (1, 8, 8, 1) and np.abs(found.astype(int) - 76).max() <= 2  # the grey of red
    assert notes == ["colours became grey", "resized from 20x40 to 8x8"]


def test_transparent_parts_are_white_as_in_a_viewer(tmp_path):
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    found, notes = read_inputs(save(tmp_path, clear), IMAGE)
    assert (found == 255).all() and "transparent parts became white" in notes


def test_16_bits_are_scaled_and_not_clipped(tmp_path):
    deep = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    found, _ = read_inputs(save(tmp_path, deep), IMAGE)
    assert (found == 0x80).all()


def test_pixels_are_scaled_to_a_smaller_range(tmp_path):
    small = InputRecord("image", "image", (8, 8, 1), "uint8", 0, 16)
    found, notes = read_inputs(save(tmp_path, Image.new("L", (8, 8), 255)), small)
    assert (found == 16).all() and notes == ["pixels scaled from 0..255 to 0..16"]
    found, _ = read_inputs(save(tmp_path, Image.new("L", (8, 8), 255)), small, invert=True)
    assert (found == 0).all()


def test_colours_are_kept_for_a_model_that_takes_them(tmp_path):
    colours = InputRecord("image", "image", (8, 8, 3), "uint8", 0, 255)
    found, notes = read_inputs(save(tmp_path, Image.new("RGB", (8, 8), (1, 2, 3))), colours)
    assert found.shape == (1, 8, 8, 3) and (found == (1, 2, 3)).all() and not notes


def test_a_turned_photograph_is_upright(tmp_path):
    photograph = Image.fromarray(np.repeat(np.repeat(PIXELS[0], 8, 0), 8, 1))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    found, _ = read_inputs(save(tmp_path, photograph.rotate(180), "a.jpg", exif=exif, quality=95), IMAGE)
    assert np.abs(found[0, ..., 0].astype(int) - PIXELS[0]).max() <= 8


def test_invert_is_for_images(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    found, _ = read_inputs(tmp_path / "a.npy", IMAGE, invert=True)
    assert np.array_equal(found, 255 - PIXELS)
    with pytest.raises(UsageError, match="--invert is for images"):
        read_inputs(tmp_path / "a.npy", TABLE, invert=True)
    np.save(tmp_path / "b.npy", PIXELS / 255)
    with pytest.raises(InputError, match="--invert takes whole pixel values"):
        read_inputs(tmp_path / "b.npy", IMAGE, invert=True)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>"])
def test_damaged_images_are_refused(tmp_path, content):
    with pytest.raises(InputError, match="not a sound PNG or JPEG file"):
        read_inputs(write(tmp_path, "a.png", content), IMAGE)


def test_without_pillow_the_pip_line_is_printed(tmp_path, monkeypatch):
    path = save(tmp_path, Image.new("L", (8, 8)))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(InputError, match="needs Pillow; install it with: pip install pillow"):
        read_inputs(path, IMAGE)
