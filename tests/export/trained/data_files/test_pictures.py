"""Folders and zip files of pictures: classes, sizes, and what is no picture."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from data.dataset import image_input
from export.trained.data_files.pictures import find_pictures, read_pictures
from export.trained.data_files.read import told
from export.trained.names import public_names
from runtime.errors import DataError
from tests.export.trained.data_files.conftest import CLASSES, picture, wanted

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


@pytest.fixture
def folder(tmp_path):
    picture(tmp_path / "d" / "cat" / "1.png", RED)
    picture(tmp_path / "d" / "ant" / "2.jpg", GREEN)
    picture(tmp_path / "d" / "ant" / "1.PNG", BLUE)
    (tmp_path / "d" / "ant" / "notes.txt").write_text("no picture")
    (tmp_path / "d" / ".hidden").mkdir()
    picture(tmp_path / "d" / ".hidden" / "1.png", RED)
    return tmp_path / "d"


@pytest.fixture(params=["folder", "zip"])
def data(request, folder):
    if request.param == "folder":
        return folder
    return folder.parent / shutil.make_archive(str(folder), "zip", folder)


def test_sub_folders_are_the_classes(data, photos):
    found = read_pictures(data, photos)
    assert found.targets["kind"].tolist() == [0, 0, 2]  # ant/1, ant/2, cat/1
    images = found.inputs["image"]
    assert (images.shape, images.dtype) == ((3, 6, 4, 3), np.uint8)
    assert images[0, 0, 0].tolist() == list(BLUE) and images[2, 5, 3].tolist() == list(RED)
    np.testing.assert_allclose(images[1, 3, 2], GREEN, atol=3)  # a JPEG


def test_data_say_their_classes_before_they_are_read(data):
    found = told(data, (), public_names(["image"], ["kind"]))
    assert (found.classes, found.pictures, found.columns) == (("ant", "cat"), data, None)


def test_a_zip_may_have_a_folder_around_the_classes(folder, photos):
    archive = shutil.make_archive(str(folder.parent / "around"), "zip", folder.parent, "d")
    assert read_pictures(folder.parent / archive, photos).targets["kind"].tolist() == [0, 0, 2]


def test_pictures_alone_have_no_class(tmp_path, photos):
    for name in ("b.png", "a.png"):
        picture(tmp_path / "d" / name, RED)
    assert find_pictures(tmp_path / "d").classes is None
    assert read_pictures(tmp_path / "d", photos).targets == {}


def test_one_class_is_a_class(tmp_path, photos):
    picture(tmp_path / "d" / "bee" / "a.png", RED)
    assert find_pictures(tmp_path / "d").classes == ("bee",)
    assert read_pictures(tmp_path / "d", photos).targets["kind"].tolist() == [1]


@pytest.mark.parametrize(("policy", "corner"), [("stretch", RED), ("crop", RED), ("pad", (0, 0, 0))])
def test_pictures_of_another_size_are_fitted_by_the_policy(tmp_path, policy, corner):
    picture(tmp_path / "d" / "bee" / "a.png", RED, (40, 20))
    model = wanted([image_input((6, 4, 3), 255)._replace(resize=policy)], [CLASSES])
    image = read_pictures(tmp_path / "d", model).inputs["image"][0]
    assert (image.shape, image[0, 0].tolist()) == ((6, 4, 3), list(corner))
    assert image[3, 2].tolist() == list(RED)


def test_grey_images_are_made_of_colours(tmp_path):
    picture(tmp_path / "d" / "a.png", (200, 200, 200))
    image = read_pictures(tmp_path / "d", wanted([image_input((6, 4, 1), 255)], [CLASSES])).inputs["image"]
    assert image.shape == (1, 6, 4, 1) and (image == 200).all()


def test_some_of_many_are_spread_over_all(folder, photos):
    found = read_pictures(folder, photos, most=2)
    assert found.targets["kind"].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "holds no pictures (.png, .jpg, .jpeg, .bmp, .gif, .webp); expected a sub-folder"),
        (
            ["a.png", "cat/b.png"],
            "holds pictures in ., cat; expected a sub-folder of pictures for each class",
        ),
        (
            ["train/cat/a.png", "test/cat/a.png"],
            "holds pictures in test/cat, train/cat; expected a sub-folder",
        ),
        (
            ["dog/a.png"],
            ": the sub-folder dog is none of the classes ant, bee, cat; name the folders as --labels",
        ),
    ],
)
def test_what_is_no_folder_of_classes_is_refused(tmp_path, photos, files, words):
    folder = tmp_path / "d"
    folder.mkdir()
    for name in files:
        picture(folder / name, RED)
    with pytest.raises(DataError) as caught:
        read_pictures(folder, photos)
    assert str(caught.value).startswith(f"{folder}{words if words.startswith(':') else f' {words}'}")


def test_a_damaged_picture_is_named(folder, photos):
    (folder / "ant" / "0.png").write_bytes(b"\x89PNG and nothing")
    with pytest.raises(DataError, match=r"ant/0\.png"):
        read_pictures(folder, photos)


def test_a_damaged_member_of_a_zip_is_named(folder, photos):
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    archive.write_bytes(archive.read_bytes().replace(b"PK\3\4", b"PK\3\5"))  # where each member begins
    with pytest.raises(
        DataError, match=r"d\.zip/ant/1\.PNG cannot be read \(.*\); make the \.zip file again"
    ):
        read_pictures(archive, photos)


def test_a_damaged_zip_is_named(tmp_path, photos):
    (tmp_path / "d.zip").write_bytes(b"PK and nothing")
    with pytest.raises(DataError, match=r"d\.zip cannot be read"):
        read_pictures(tmp_path / "d.zip", photos)


def test_pictures_are_for_one_image(folder, rows, several):
    with pytest.raises(
        DataError, match=r"for an image, and rows takes tables of the shape \[2\]; give an \.npz"
    ):
        read_pictures(folder, rows)
    with pytest.raises(
        DataError, match="a folder of pictures is for a model of one input, and this has image, "
    ):
        read_pictures(folder, several)
