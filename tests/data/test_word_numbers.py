"""IMDB and Reuters as Keras keeps them: words again, our own numbers, and nothing else out of the files."""

import hashlib
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

import data
from data import word_numbers
from runtime import text
from runtime.errors import DataError
from train.recipes import ON_REQUEST

WORDS = {"the": 1, "film": 2, "bad": 3, "good": 4, "don't": 5, "cliché": 6, "seldom": 7}


def lists(rows: list[list[int]]) -> np.ndarray:
    """An array of lists, as Keras keeps texts of several lengths."""
    found = np.empty(len(rows), object)
    found[:] = rows
    return found


def reviews(count: int) -> dict[str, np.ndarray]:
    """The bad ones first, as in Keras' file; each has its own length."""
    classes = np.arange(count) * 2 // count
    return {
        "x": lists([[1, 3 + kind, *[2] * (1 + place % 7)] for place, kind in enumerate(classes.tolist())]),
        "y": classes,
    }


@pytest.fixture
def keep(nowhere, monkeypatch):
    """Writes the two files of a dataset, whose hashes become the known ones."""

    def write(name: str, arrays: dict[str, np.ndarray], words: dict[str, int]):
        folder = nowhere / "datasets" / name
        folder.mkdir(parents=True)
        np.savez(folder / f"{name}.npz", **arrays)
        (folder / f"{name}_word_index.json").write_text(json.dumps(words))
        known = {}
        for file, digest in word_numbers.HASHES[name].items():
            algorithm = "md5" if digest.startswith("md5:") else "sha256"
            found = hashlib.new(algorithm, (folder / file).read_bytes()).hexdigest()
            known[file] = f"md5:{found}" if algorithm == "md5" else found
        monkeypatch.setitem(word_numbers.HASHES, name, known)
        return nowhere / "datasets"

    return write


@pytest.fixture
def imdb(keep):
    train, test = reviews(40), reviews(20)
    arrays = {"x_train": train["x"], "y_train": train["y"], "x_test": test["x"], "y_test": test["y"]}
    return keep("imdb", arrays, WORDS)


def words_of(dataset: data.Dataset, split: data.Split) -> list[str]:
    """The texts again, from the numbers and the vocabulary that a device gets."""
    vocabulary = text.read_vocabulary(dataset.vocabularies["vocabulary.txt"])
    words = {number: word for word, number in vocabulary.items()} | {text.UNKNOWN: "?"}
    return [" ".join(words[number] for number in row if number) for row in split.inputs["text"].tolist()]


def test_reviews_keep_their_words_and_classes(imdb):
    dataset = data.load("imdb", imdb)
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [36, 4, 20]
    for split in (dataset.train, dataset.validation, dataset.test):
        said = [words.split()[:3] for words in words_of(dataset, split)]
        assert said == [["the", ("bad", "good")[kind], "film"] for kind in split.targets["probabilities"]]
    (given,), (output,) = dataset.inputs, dataset.outputs
    assert (given.shape, given.dtype, given.high) == ((256,), "int32", 5)
    assert output.labels == ("negative", "positive")


def test_no_split_has_one_class_after_the_other(imdb):
    dataset = data.load("imdb", imdb)
    for split in (dataset.train, dataset.test):
        targets = split.targets["probabilities"]
        assert np.count_nonzero(np.diff(targets)) > 4


def test_a_device_numbers_a_new_text_as_the_model_was_trained(keep):
    train = lists([[1, 5, 6, 4, 7, 99]] * 2 + [[1, 5, 6, 4]] * 20)
    arrays = {"x_train": train, "y_train": np.arange(22) % 2, "x_test": train[:2], "y_test": np.arange(2)}
    dataset = data.load("imdb", keep("imdb", arrays, WORDS))
    vocabulary = text.read_vocabulary(dataset.vocabularies["vocabulary.txt"])
    # As it was written: capitals, punctuation, and letters that are no part of a word for the rule of the runtime.
    asked = text.to_numbers(["The don’t-cliché, GOOD! Seldom?"], vocabulary, 256)
    np.testing.assert_array_equal(asked, dataset.test.inputs["text"][:1])
    assert words_of(dataset, dataset.test)[0] in ("the don't clich good seldom", "the don't clich good ?")


def test_reuters_is_divided_as_keras_does(keep):
    rows = [[1 + place % 7, 2, 2] for place in range(50)]
    labels = np.arange(50) % 46
    dataset = data.load("reuters", keep("reuters", {"x": lists(rows), "y": labels}, WORDS))
    places = np.arange(50)
    np.random.RandomState(113).shuffle(places)
    np.testing.assert_array_equal(dataset.test.targets["probabilities"], labels[places[40:]])
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [36, 4, 10]
    kept = [split.targets["probabilities"] for split in (dataset.train, dataset.validation)]
    assert sorted(np.concatenate(kept)) == sorted(labels[places[:40]])
    assert len(dataset.outputs[0].labels) == 46
    assert dataset.outputs[0].labels[3:5] == ("earn", "acq")


def test_its_files_are_found_without_being_read(imdb, monkeypatch):
    monkeypatch.setattr(word_numbers, "read_arrays", None)
    assert set(data.find("imdb", imdb)) == {"imdb.npz", "imdb_word_index.json"}
    (imdb / "imdb" / "imdb_word_index.json").write_text("{}")
    with pytest.raises(DataError, match=r"imdb_word_index\.json: damaged, .* MD5 "):
        data.find("imdb", imdb)


def test_the_record_has_the_sha256_of_both_files(imdb):
    dataset = data.load("imdb", imdb)
    assert dataset.sha256 == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (imdb / "imdb").iterdir()
    }


@pytest.mark.parametrize(("file", "algorithm"), [("imdb.npz", "SHA-256"), ("imdb_word_index.json", "MD5")])
def test_another_file_is_refused(imdb, file, algorithm):
    with (imdb / "imdb" / file).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(DataError, match=rf"{file}: damaged, truncated or not the original .* {algorithm} "):
        data.load("imdb", imdb)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_nowhere_names_the_download(nowhere, name):
    with pytest.raises(data.DatasetNotFound, match=rf"{name} not found: .*storage\.googleapis\.com"):
        data.load(name, nowhere)


def test_the_hashes_are_those_that_keras_gives():
    from importlib.util import find_spec
    from pathlib import Path

    folder = Path(find_spec("keras").submodule_search_locations[0]) / "src" / "datasets"
    for name, known in word_numbers.HASHES.items():
        source = (folder / f"{name}.py").read_text()
        for file, digest in known.items():
            assert f'"{digest.removeprefix("md5:")}"' in source, file


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harm",)


def test_nothing_in_the_arrays_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("harmful.npz", x=lists([Harmful()]))
    with pytest.raises(DataError, match=r"harmful\.npz: not a file of arrays \(it asks for .*\.system\)"):
        word_numbers.read_arrays(tmp_path / "harmful.npz")
    assert not (tmp_path / "harm").exists()
    np.load("harmful.npz", allow_pickle=True)["x"]  # which would have run it
    assert (tmp_path / "harm").exists()


def test_arrays_of_older_versions_of_numpy_are_read(tmp_path):
    content = lists([[1, 2], [3]])
    stream = pickle.dumps(content, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    with zipfile.ZipFile(tmp_path / "old.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + stream)
    assert word_numbers.read_arrays(tmp_path / "old.npz")["x"].tolist() == [[1, 2], [3]]


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_what_is_no_file_of_arrays_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npz: not a file of arrays"):
        word_numbers.read_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize("content", ["[1]", "{", '{"the": null}'])
def test_what_is_no_word_index_is_refused(tmp_path, content):
    (tmp_path / "words.json").write_text(content)
    with pytest.raises(DataError, match=r"words\.json: not a number for each word \("):
        word_numbers.read_words(tmp_path / "words.json")


def test_arrays_of_other_names_are_refused(keep):
    folder = keep("imdb", reviews(20), WORDS)
    with pytest.raises(DataError, match=r"imdb\.npz: not Keras' file of imdb \('x_test'\)"):
        data.load("imdb", folder)


def test_recipes_of_these_datasets_are_not_in_all():
    assert {recipe.dataset for recipe in ON_REQUEST.values()} >= set(word_numbers.LABELS)
