"""Labelled data: where targets come from, and every way in which they do not belong to the inputs."""

import gzip
import re
import shutil
from argparse import ArgumentParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from runtime.commands.targets import add_labelled, read_column, read_labelled, read_targets, targets_beside
from runtime.errors import InputError, UsageError
from tests.bundles import npz
from tests.runtime.commands.records import (
    IMAGE,
    MOOD,
    NUMBERS,
    PRICE,
    REBUILT,
    SHAPES,
    SIZE,
    TABLE,
    TAGS,
    TENSOR,
    by_name,
    idx,
    write,
)

ROWS = np.ones((3, 3))


def labelled(arguments, *outputs, inputs=by_name(TABLE)):  # noqa: B008 - not changed
    parser = ArgumentParser()
    add_labelled(parser)
    manifest = SimpleNamespace(inputs=inputs, outputs=by_name(*outputs))
    return read_labelled(parser.parse_args([str(argument) for argument in arguments]), manifest)


def test_targets_are_read_from_every_container(tmp_path):
    labels = np.array([2, 1, 2], np.uint8)
    np.save(tmp_path / "a.npy", labels)
    for path in (
        tmp_path / "a.npy",
        write(tmp_path, "two.npz", npz(inputs=ROWS, targets=labels)),
        write(tmp_path, "named.npz", npz(inputs=ROWS, targets_shapes=labels, targets=ROWS)),
        write(tmp_path, "slash.npz", npz(**{"targets/shapes": labels, "targets/price": ROWS})),
        write(tmp_path, "output.npz", npz(shapes=labels, price=ROWS)),
        write(tmp_path, "any.npz", npz(anything=labels)),
        write(tmp_path, "labels-idx1-ubyte.gz", gzip.compress(idx(labels))),
        write(tmp_path, "plain.csv", "2\n1\n2\n"),
        write(tmp_path, "named.csv", "label\n2\n1\n2\n"),
        write(tmp_path, "words.csv", "star\nsquare\nstar\n"),
        write(tmp_path, "named-words.csv", "label\nstar\n square\nstar\n"),
        write(tmp_path, "words.npz", npz(targets=np.array(["star", "square", "star"]))),
    ):
        assert read_targets(path, SHAPES).tolist() == [2, 1, 2]


def test_several_values_have_a_column_each(tmp_path):
    path = write(tmp_path, "a.csv", "mass,other,length\n1,2,3\n4,5,6\n")
    assert read_targets(path, SIZE).tolist() == [[3, 1], [6, 4]]
    assert read_targets(write(tmp_path, "b.csv", "3,1\n6,4\n"), SIZE).tolist() == [[3, 1], [6, 4]]
    assert read_targets(write(tmp_path, "c.csv", "1,0,1\n"), TAGS).tolist() == [[1, 0, 1]]


def test_a_column_holds_numbers_or_the_names_of_classes(tmp_path):
    path = write(tmp_path, "a.csv", "depth,shape,price\n1,star,9.5\n2,circle,8\n")
    assert read_column(path, "price", PRICE).tolist() == [9.5, 8]
    assert read_column(path, "shape", SHAPES).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("content", "name", "record", "words"),
    [
        ("a,b\n1,2\n", "a.csv", PRICE, "has the columns a, b; name one with --target-column"),
        ("1,2\n", "a.csv", PRICE, "has the columns 1, 2; name one with --target-column"),
        ("length,weight\n1,2\n", "a.csv", SIZE, "no column mass; its columns: length, weight"),
        ("label\ncube\n", "a.csv", SHAPES, "the target 'cube' is no label of shapes; its labels: circle, square, star"),
        ("label\nhigh\n", "a.csv", PRICE, "row 1, column label: 'high' is not a number"),
        ("", "a.doc", PRICE, "unknown kind of file; known for targets: .npy, .npz, .csv, IDX"),
        (npz(a=ROWS, b=ROWS), "a.npz", PRICE, "holds the arrays a, b; one must be called 'targets'"),
    ],
)  # fmt: skip
def test_files_that_hold_no_targets_are_refused(tmp_path, content, name, record, words):
    with pytest.raises(InputError, match=re.escape(words)):
        read_targets(write(tmp_path, name, content), record)


def test_targets_of_one_of_several_outputs_need_its_name(tmp_path):
    path = write(tmp_path, "a.npz", npz(targets=ROWS))
    with pytest.raises(InputError, match="holds the arrays targets; one must be called 'targets_price'"):
        read_targets(path, PRICE, alone=False)
    assert targets_beside(path, by_name(PRICE, SHAPES)) == {}


def test_a_missing_column_is_refused(tmp_path):
    with pytest.raises(InputError, match="no column c; its columns: a, b"):
        read_column(write(tmp_path, "a.csv", "a,b\n1,2\n"), "c", PRICE)
    with pytest.raises(InputError, match="no column c: it has no header"):
        read_column(write(tmp_path, "b.csv", "1,2\n"), "c", PRICE)


def test_targets_lie_beside_the_inputs(tmp_path):
    path = write(tmp_path, "a.npz", npz(inputs=ROWS, targets=np.arange(3.0)))
    found = labelled(["--inputs", path], PRICE)
    assert (
        found.samples == 3 and found.targets["price"].tolist() == [0, 1, 2] and list(found.inputs) == ["rows"]
    )
    arrays = {"rows": ROWS, "state": np.ones((3, 2, 3)), "targets_price": np.arange(3.0), "mood": np.ones(3)}
    path = write(tmp_path, "b.npz", npz(**arrays))
    found = labelled(["--inputs", path], PRICE, MOOD, SHAPES, inputs=by_name(TABLE, TENSOR))
    assert list(found.targets) == ["price", "mood"] and list(found.inputs) == ["rows", "state"]


def test_targets_have_files_of_their_own(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    np.save(tmp_path / "price.npy", np.arange(3.0))
    mood = write(tmp_path, "mood.csv", "bad\ngood\ngood\n")
    given = ["--inputs", tmp_path / "rows.npy", "--targets", f"price={tmp_path / 'price.npy'}"]
    assert list(labelled(given, PRICE).targets) == ["price"]
    found = labelled([*given, "--targets", f"mood={mood}"], PRICE, MOOD)
    assert found.targets["mood"].tolist() == [0, 1, 1]
    both = write(tmp_path, "both.npz", npz(targets_price=np.arange(3.0), targets_mood=np.ones(3)))
    found = labelled(["--inputs", tmp_path / "rows.npy", "--targets", both], PRICE, MOOD)
    assert list(found.targets) == ["price", "mood"]


def test_targets_are_columns_of_the_inputs(tmp_path):
    path = write(tmp_path, "a.csv", "depth,width,height,p,m\n1,2,3,4,bad\n1,2,3,5,good\n")
    assert labelled(["--inputs", path, "--target-column", "p"], PRICE).targets["price"].tolist() == [4, 5]
    given = ["--inputs", path, "--target-column", "price=p", "--target-column", "mood=m"]
    found = labelled(given, PRICE, MOOD)
    assert found.targets["price"].tolist() == [4, 5] and found.targets["mood"].tolist() == [0, 1]
    path = write(tmp_path, "b.csv", "depth,width,height,price,mood\n1,2,3,4,bad\n1,2,3,5,good\n")
    found = labelled(["--inputs", path, "--target-column", "price", "--target-column", "mood"], PRICE, MOOD)
    assert found.targets["price"].tolist() == [4, 5] and found.targets["mood"].tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_sub_folders_of_pictures_are_labels(tmp_path, kind):
    data = tmp_path / "d"
    for name in ("star/1.png", "circle/1.png", "star/2.png"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 255).save(data / name)
    given = data if kind == "folder" else shutil.make_archive(str(data), "zip", data)
    found = labelled(["--inputs", given], SHAPES, inputs=by_name(IMAGE))
    assert found.targets["shapes"].tolist() == [0, 2, 2] and found.inputs["image"].shape == (3, 8, 8, 1)
    with pytest.raises(InputError, match="the target 'circle' is no label of mood; its labels: bad, good"):
        labelled(["--inputs", given], MOOD, inputs=by_name(IMAGE))
    with pytest.raises(UsageError, match="give --inputs with either --targets FILE or --target-column NAME"):
        labelled(["--inputs", given], SHAPES, MOOD, inputs=by_name(IMAGE))


def test_a_reconstruction_has_targets_only_where_nothing_else_has(tmp_path):
    path = write(tmp_path, "a.npz", npz(inputs=ROWS, targets=np.arange(3.0)))
    assert list(labelled(["--inputs", path], REBUILT, PRICE, NUMBERS).targets) == ["price"]
    path = write(tmp_path, "b.npz", npz(inputs=ROWS, targets=np.ones((3, 4, 2))))
    assert list(labelled(["--inputs", path], REBUILT).targets) == ["rebuilt"]


def test_nothing_given_is_nothing_labelled():
    assert labelled([], PRICE) is None


@pytest.mark.parametrize(
    ("arguments", "outputs", "words"),
    [
        (["--targets", "a.npy"], (PRICE,), "targets without --inputs; give both"),
        (["--target-column", "a"], (PRICE,), "targets without --inputs; give both"),
        (["--inputs", "a.npy"], (PRICE,), "give --inputs with either --targets FILE or --target-column NAME"),
        (["--inputs", "a.npy"], (NUMBERS,), "--inputs: no output of this model has a metric; leave --inputs out"),
        (
            ["--inputs", "a.csv", "--targets", "b.npy", "--target-column", "a"], (PRICE,),
            "--targets and --target-column; give one of them",
        ),
        (
            ["--inputs", "a.npy", "--target-column", "a"], (PRICE,),
            "--target-column is for one --inputs CSV; give --targets FILE",
        ),
        (
            ["--inputs", "a.npy", "--targets", "b.npy"], (PRICE, MOOD),
            "--targets b.npy: the model has the outputs price, mood; say which by NAME=",
        ),
        (
            ["--inputs", "a.npy", "--targets", "b.npy", "--targets", "c.npy"], (PRICE,),
            "--targets: the output price is given twice; give it once",
        ),
    ],
)  # fmt: skip
def test_wrong_uses_are_refused(arguments, outputs, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        labelled(arguments, *outputs)


def test_an_npz_without_targets_is_refused(tmp_path):
    path = write(tmp_path, "a.npz", npz(inputs=ROWS, other=ROWS))
    with pytest.raises(UsageError, match="holds no targets; call an array targets, or give --targets FILE"):
        labelled(["--inputs", path], PRICE)
    with pytest.raises(UsageError, match="call an array targets_price or targets_mood, or give --targets"):
        labelled(["--inputs", path], PRICE, MOOD)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (np.zeros(2), "3 inputs but 2 targets; they must belong together"),
        (np.float64(1), "3 inputs but no targets; they must belong together"),
        (np.array([0, 1, 3]), "they must be class numbers from 0 to 2"),
    ],
)
def test_targets_that_do_not_fit_are_refused(tmp_path, targets, words):
    path = write(tmp_path, "a.npz", npz(inputs=ROWS, targets=targets))
    with pytest.raises(InputError, match=words):
        labelled(["--inputs", path], SHAPES)
