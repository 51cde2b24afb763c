"""The files that commands read: every kind for every kind of input, and every way in which one can be wrong."""

import gzip
import re

import numpy as np
import pytest
from PIL import Image

from runtime.commands.files import read_input, read_inputs
from runtime.errors import InputError
from tests.bundles import npz
from tests.runtime.commands.records import (
    FLAGS,
    IMAGE,
    PLACE,
    SEQUENCE,
    SINGLE,
    STEPS,
    TABLE,
    TENSOR,
    TEXT,
    by_name,
    idx,
    write,
)

PIXELS = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
BOTH = by_name(IMAGE, TABLE)


def read(path, record):
    return read_input(path, record)[0]


def test_arrays_are_read_from_every_container(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    for path in (
        tmp_path / "a.npy",
        write(tmp_path, "one.npz", npz(anything=PIXELS)),
        write(tmp_path, "two.npz", npz(inputs=PIXELS, targets=PIXELS[0])),
        write(tmp_path, "named.npz", npz(image=PIXELS, inputs=PIXELS[:1])),
        write(tmp_path, "slash.npz", npz(**{"inputs/image": PIXELS, "outputs/shapes": PIXELS[0]})),
        write(tmp_path, "t10k-images-idx3-ubyte", idx(PIXELS)),
        write(tmp_path, "t10k-images-idx3-ubyte.gz", gzip.compress(idx(PIXELS))),
    ):
        found, notes = read_input(path, IMAGE)
        assert np.array_equal(found, PIXELS) and found.dtype == np.uint8 and not notes
        found, notes = read_inputs(path, by_name(IMAGE))
        assert np.array_equal(found["image"], PIXELS) and not notes


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path):
    path = write(tmp_path, "a.csv", "price,height,width,depth\n9,3,2,1\n8,6,5,4\n")
    assert read(path, TABLE).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read(write(tmp_path, "b.csv", "1,2,3\n\n4,5,6e0\n"), TABLE).tolist() == [[1, 2, 3], [4, 5, 6]]
    marked = write(tmp_path, "c.csv", "\ufeffdepth,width,height\r\n1,2,3\r\n")
    assert read(marked, TABLE).tolist() == [[1, 2, 3]]
    assert read(write(tmp_path, "d.csv", "depth,width,height,name\n1,2,3,box\n"), TABLE).shape == (1, 3)
    assert read(write(tmp_path, "e.csv", "depth,width,height\n"), TABLE).shape == (0, 3)


def test_pixels_may_come_in_lines(tmp_path):
    lines = "\n".join(",".join(map(str, row.ravel())) for row in PIXELS)
    found = read(write(tmp_path, "a.csv", lines), IMAGE)
    assert np.array_equal(found[..., 0], PIXELS) and found.dtype == np.int64


def test_a_sequence_has_a_step_a_line_or_a_sample_a_line(tmp_path):
    steps = write(tmp_path, "steps.csv", "1,2\n3,4\n5,6\n7,8\n")
    assert read(steps, SEQUENCE).tolist() == [[[1, 2], [3, 4], [5, 6], [7, 8]]]
    named = write(tmp_path, "named.csv", "x,y\n1,2\n3,4\n5,6\n7,8\n")
    assert np.array_equal(read(named, SEQUENCE), read(steps, SEQUENCE))
    samples = write(tmp_path, "samples.csv", "1,2,3,4,5,6,7,8\n8,7,6,5,4,3,2,1\n")
    assert read(samples, SEQUENCE).shape == (2, 4, 2) and read(samples, SEQUENCE)[1, 0].tolist() == [8, 7]
    one = read(write(tmp_path, "one.csv", "1\n2\n3\n4\n"), STEPS)
    assert one.tolist() == [[1, 2, 3, 4]] and one.dtype == np.int64
    assert read(write(tmp_path, "many.csv", "1,2,3,4\n" * 4), STEPS).shape == (4, 4)


def test_tensors_come_in_lines_too(tmp_path):
    assert read(write(tmp_path, "a.csv", "1,2,3,4,5,6\n"), TENSOR).shape == (1, 2, 3)
    assert read(write(tmp_path, "b.csv", "1,2,3\n4,5,6\n"), TENSOR).tolist() == [[[1, 2, 3], [4, 5, 6]]]
    flags = read(write(tmp_path, "c.csv", "1,0,1\n0,0,0\n"), FLAGS)
    assert flags.dtype == bool and flags.tolist() == [[True, False, True], [False] * 3]
    assert read(write(tmp_path, "d.csv", "1.5\n2\n"), SINGLE).tolist() == [1.5, 2]


def test_texts_come_a_line_each(tmp_path):
    path = write(tmp_path, "a.txt", "A film to remember.\r\n\r\nDull, and too long\n")
    assert read(path, TEXT) == ["A film to remember.", "", "Dull, and too long"]
    assert read(write(tmp_path, "b.txt", "no end of line"), TEXT) == ["no end of line"]
    table = write(tmp_path, "c.csv", 'label,words\n1,"Dull, and long"\n0,fine\n')
    assert read(table, TEXT) == ["Dull, and long", "fine"]
    assert read(write(tmp_path, "d.csv", "2,3,4,0,0\n"), TEXT).tolist() == [[2, 3, 4, 0, 0]]
    assert read(write(tmp_path, "e.npz", npz(words=np.array(["a", "b c"]))), TEXT) == ["a", "b c"]
    numbers = np.zeros((2, 5), np.int32)
    assert np.array_equal(read(write(tmp_path, "f.npz", npz(words=numbers)), TEXT), numbers)


def test_an_image_is_read_with_the_notes_on_it(tmp_path):
    Image.new("L", (16, 16)).save(tmp_path / "a.png")
    found, notes = read_inputs(tmp_path / "a.png", by_name(IMAGE))
    assert found["image"].shape == (1, 8, 8, 1) and notes == ["resized from 16x16 to 8x8"]


def test_several_inputs_come_in_one_npz_by_name(tmp_path):
    rows = np.ones((2, 3))
    found, _ = read_inputs(
        write(tmp_path, "a.npz", npz(targets_price=rows[0], rows=rows, image=PIXELS)), BOTH
    )
    assert list(found) == ["image", "rows"]
    assert np.array_equal(found["image"], PIXELS) and np.array_equal(found["rows"], rows)
    slashes = write(tmp_path, "b.npz", npz(**{"inputs/image": PIXELS, "inputs/rows": rows}))
    assert np.array_equal(read_inputs(slashes, BOTH)[0]["rows"], rows)


def test_several_tables_come_in_one_csv_by_columns(tmp_path):
    path = write(tmp_path, "a.csv", "east,depth,width,height,north\n5,1,2,3,4\n")
    found, _ = read_inputs(path, by_name(TABLE, PLACE))
    assert found["rows"].tolist() == [[1, 2, 3]] and found["place"].tolist() == [[4, 5]]


def test_invert_exchanges_dark_and_light(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    assert np.array_equal(read_input(tmp_path / "a.npy", IMAGE, invert=True)[0], 255 - PIXELS)
    small = IMAGE._replace(low=1, high=16)
    assert np.array_equal(read_input(tmp_path / "a.npy", small, invert=True)[0], 17 - PIXELS)
    several = write(tmp_path, "a.npz", npz(image=PIXELS, rows=np.ones((2, 3))))
    found, _ = read_inputs(several, BOTH, invert=True)
    assert np.array_equal(found["image"], 255 - PIXELS) and (found["rows"] == 1).all()
    with pytest.raises(InputError, match="--invert is for images; the input rows is of the kind table"):
        read_input(write(tmp_path, "b.csv", "1,2,3\n"), TABLE, invert=True)
    np.save(tmp_path / "b.npy", PIXELS / 255)
    with pytest.raises(InputError, match="--invert takes whole pixel values, these are float64"):
        read_input(tmp_path / "b.npy", IMAGE, invert=True)


LINES = "\n".join(["1,2"] * 3)


@pytest.mark.parametrize(
    ("record", "name", "content", "words"),
    [
        (TABLE, "absent.npy", None, "absent.npy: does not exist"),
        (TABLE, "absent.csv", None, "absent.csv: does not exist"),
        (IMAGE, "absent.png", None, "absent.png: does not exist"),
        (TEXT, "absent.txt", None, "absent.txt: does not exist"),
        (TABLE, "a.doc", b"", "unknown kind of file; known: .npy, .npz, .csv, .txt, pictures (.png"),
        (TABLE, "a.npy", b"", "cannot be read"),
        (TABLE, "a.npy", b"\x93NUMPY\x01\x00\xff", "cannot be read"),
        (TABLE, "a.npy", b"\x80\x04\x95", "cannot be read"),
        (TABLE, "a.npy", npz(rows=PIXELS), "holds several arrays, as an .npz file; name it so"),
        (TABLE, "a.npz", b"PK\x03\x04", "damaged|cannot be read"),
        (
            TABLE, "a.npz", npz(one=PIXELS, two=PIXELS),
            "holds the arrays one, two; one must be called 'inputs' or 'rows'",
        ),
        (TABLE, "a-ubyte", b"", "not an IDX file"),
        (TABLE, "a-ubyte", idx(PIXELS)[:-1], "whose header says 144"),
        (TABLE, "a-ubyte", idx(PIXELS) + b"0", "whose header says 144"),
        (TABLE, "a-ubyte", b"\x00\x00\x0d\x01" + bytes(8), "not an IDX file of bytes"),
        (TABLE, "a-ubyte.gz", gzip.compress(idx(PIXELS))[:-9], "cannot be read"),
        (TABLE, "a-ubyte.gz", b"\x1f\x8b\x00", "cannot be read"),
        (TABLE, "a.csv", "", "is empty; give a line for each row"),
        (TABLE, "a.csv", "depth,width\n1,2\n", "no column height; its columns: depth, width"),
        (
            TABLE, "a.csv", "1,2\n",
            "1 line of 2 numbers; the input rows takes 3 a line: depth, width, height",
        ),
        (TABLE, "a.csv", "1,2,3\n4,5\n", "row 2 has 2 cells, the first line has 3"),
        (TABLE, "a.csv", "depth,width,height\n1,2,three\n", "row 1, column height: 'three' is not a number"),
        (TABLE, "a.csv", "1,2,3\n1,,3\n", "row 2, column 2: '' is not a number"),
        (TABLE, "a.csv", "depth,depth,height\n1,2,3\n", "two columns have the same name"),
        (TABLE, "a.csv", b"\xff\xfe1", "cannot be read"),
        (
            TABLE, "a.png", b"\x89PNG",
            "an image; the input rows takes rows of depth, width, height; give a .csv with these columns",
        ),
        (TEXT, "a.png", b"\x89PNG", "an image; the input words takes texts; give a .txt with a text a line"),
        (
            SEQUENCE, "a.png", b"\x89PNG",
            "the input speech takes sequences of 4x2 numbers; give a .csv with a step a line, or an .npy",
        ),
        (TENSOR, "a.png", b"\x89PNG", "the input state takes 2x3 numbers; give an .npy or .npz"),
        (SINGLE, "a.png", b"\x89PNG", "the input single takes single numbers; give an .npy or .npz"),
        (
            IMAGE, "a.txt", "a text",
            "a file of texts; the input image takes images of 8x8x1 pixels; give a picture, or a folder of pictures",
        ),
        (TEXT, "a.txt", b"\xff\xff", "cannot be read"),
        (TEXT, "a.txt", "", "is empty; give a text a line"),
        (TEXT, "a.csv", "label,text\n1,a\n", "no column words; its columns: label, text"),
        (TEXT, "a.csv", "1,2\n", "1 line of 2 numbers; the input words takes 5 a line"),
        (
            SEQUENCE, "a.csv", LINES,
            "3 lines of 2 numbers; the input speech takes 8 a line, or a step a line: 4 lines of 2",
        ),
        (
            STEPS, "a.csv", "1\n2\n",
            "2 lines of 1 number; the input steps takes 4 a line, or a step a line: 4 lines of 1",
        ),
        (STEPS, "a.csv", "1,2,3,4.5\n", "holds 4.5; the input steps takes whole numbers"),
        (STEPS, "a.csv", "1,2,3,1e17\n", "holds 1e+17; the input steps takes whole numbers"),
        (FLAGS, "a.csv", "1,0,2\n", "holds 2; the input flags takes 0 or 1"),
        (IMAGE, "a.csv", "1,2\n", "1 line of 2 numbers; the input image takes 64 a line"),
        (IMAGE, "a.csv", ",".join(["1.5"] * 64), "holds 1.5; the input image takes 64 whole pixel values a line"),
        (IMAGE, "a.csv", ",".join(["nan"] * 64), "holds nan; the input image takes 64 whole pixel values a line"),
    ],
)  # fmt: skip
def test_files_that_do_not_hold_what_an_input_takes_are_refused(tmp_path, record, name, content, words):
    path = tmp_path / name if content is None else write(tmp_path, name, content)
    with pytest.raises(InputError, match=words if "|" in words else re.escape(words)) as refused:
        read_input(path, record)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "a.npz", npz(image=PIXELS, inputs=PIXELS),
            "holds the arrays image, inputs; one must be called 'rows'",
        ),
        (
            "a.csv", "depth,width,height\n1,2,3\n",
            "is one file, but the model takes image, rows; give an .npz with arrays named so, or image=FILE rows=FILE",
        ),
        ("a.png", b"\x89PNG", "is one file, but the model takes image, rows"),
    ],
)  # fmt: skip
def test_one_file_that_is_not_for_all_inputs_is_refused(tmp_path, name, content, words):
    with pytest.raises(InputError, match=re.escape(words)):
        read_inputs(write(tmp_path, name, content), BOTH)


def test_one_csv_for_several_tables_needs_the_names_of_all_columns(tmp_path):
    tables = by_name(TABLE, PLACE)
    with pytest.raises(
        InputError, match="has no header; the model has several tables, so columns need names"
    ):
        read_inputs(write(tmp_path, "a.csv", "1,2,3,4,5\n"), tables)
    with pytest.raises(InputError, match="no column east; its columns: depth, width, height, north"):
        read_inputs(write(tmp_path, "b.csv", "depth,width,height,north\n1,2,3,4\n"), tables)


def test_an_npz_that_holds_one_array_as_an_npy_is_named(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"holds one array, as an \.npy file; name it so"):
        read_input(tmp_path / "a.npz", IMAGE)
