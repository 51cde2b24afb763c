"""California housing: scikit-learn's frame as a CSV file, split the way the tutorial does."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Dataset, Split, table_input, value_output
from data.sources import DatasetNotFound, cache_folder, download, locate
from runtime.bundle.manifest import OutputRecord
from runtime.errors import DataError

COLUMNS = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
TARGET = "MedHouseVal"
FILE = "california_housing.csv"
SHA256 = {FILE: "94ef369b909f5c725340b512b7c9a05c1550a554b6592d29303990e3ba521a1f"}

# The archive that scikit-learn reads too; the frame's columns are ratios of its columns.
ARCHIVE = "cal_housing.tgz"
ARCHIVE_SHA256 = "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681"
FOLDER = "california-housing"
PLACE = ("Latitude", "Longitude")
_VALUE = value_output("100,000 USD", TARGET)
_ABOVE = OutputRecord("above", (1,), "binary", labels=("up to the median", "above the median"))
_TWO_INPUTS = (
    table_input(PLACE)._replace(name="place"),
    table_input([name for name in COLUMNS if name not in PLACE])._replace(name="house"),
)
_URL = "https://ndownloader.figshare.com/files/5976036"


def files(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Where the dataset's files lie, by name, checked against their hashes; it is downloaded where it is missing.

    Raises:
        DatasetNotFound: it is in no folder and cannot be downloaded.
        DataError: its file is damaged.
    """
    try:
        return locate(FOLDER, SHA256, None, data_dir)
    except DatasetNotFound as missing:
        return {FILE: _fetch(missing)}


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Loads `california-housing`: raw float32 rows [n, 8]; the target is the median price in 100,000 USD.

    `california-housing-two` has the place and the other columns as two inputs, and as a second target whether the price
    is above the median of the training split.

    Raises:
        DatasetNotFound: it is in no folder and cannot be downloaded.
        DataError: its file is damaged.
    """
    from sklearn.model_selection import train_test_split  # a second, which finding the file does not need

    rows, prices = read_frame(files(name, data_dir)[FILE])
    rest, test, rest_prices, test_prices = train_test_split(rows, prices, random_state=7)
    train, validation, train_prices, validation_prices = train_test_split(rest, rest_prices, random_state=11)
    split = _split if name == FOLDER else partial(_two, median=float(np.median(train_prices)))
    return Dataset(
        name=name,
        inputs=(table_input(COLUMNS),) if name == FOLDER else _TWO_INPUTS,
        outputs=(_VALUE,) if name == FOLDER else (_VALUE, _ABOVE),
        sha256=dict(SHA256),
        train=split(train, train_prices),
        validation=split(validation, validation_prices),
        test=split(test, test_prices),
    )


def _split(rows: NDArray[np.float32], prices: NDArray[np.float32]) -> Split:
    return Split({"rows": rows}, {"value": prices[:, np.newaxis]})


def _two(rows: NDArray[np.float32], prices: NDArray[np.float32], median: float) -> Split:
    columns = {taken.name: [COLUMNS.index(name) for name in taken.columns or ()] for taken in _TWO_INPUTS}
    return Split(
        {name: np.ascontiguousarray(rows[:, places]) for name, places in columns.items()},
        {"value": prices[:, np.newaxis], "above": (prices > median).astype(np.int64)},
    )


def read_frame(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Reads the CSV file: rows float32 [n, 8] and prices float32 [n] in 100,000 USD.

    Raises:
        DataError: the file is not this table.
    """
    try:
        text = path.read_text("utf-8")
        header, _, body = text.partition("\n")
        if header.strip().split(",") != [*COLUMNS, TARGET]:
            raise ValueError(f"its columns are {header.strip()[:100]!r}")
        table = np.loadtxt(io.StringIO(body), delimiter=",", dtype=np.float64, ndmin=2)
        if table.shape[1] != len(COLUMNS) + 1:
            raise ValueError(f"its rows have {table.shape[1]} columns")
    except (OSError, ValueError) as error:
        expected = ",".join([*COLUMNS, TARGET])
        raise DataError(
            f"{path}: not the California housing table ({error}); expected columns {expected}"
        ) from error
    return table[:, :-1].astype(np.float32), table[:, -1].astype(np.float32)


def frame_from_archive(archive: bytes) -> bytes:
    """Turns the original archive into the CSV file, byte for byte as pandas writes scikit-learn's frame."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        member = tar.extractfile("CaliforniaHousing/cal_housing.data")
        if member is None:
            raise DataError(f"{ARCHIVE}: holds no CaliforniaHousing/cal_housing.data")
        table = np.loadtxt(member, delimiter=",", ndmin=2)
    longitude, latitude, age, rooms, bedrooms, population, households, income, value = table.T
    columns = [income, age, rooms / households, bedrooms / households, population, population / households]
    columns += [latitude, longitude, value / 100_000.0]
    lines = [
        ",".join([*COLUMNS, TARGET]),
        *(",".join(map(repr, row)) for row in np.stack(columns, 1).tolist()),
    ]
    return ("\n".join(lines) + "\n").encode()


def _fetch(missing: DatasetNotFound) -> Path:
    """Downloads the archive into the cache and writes the CSV file beside it."""
    folder = cache_folder(FOLDER)
    reason = download(folder, ARCHIVE, ARCHIVE_SHA256, _URL)
    if reason is not None:
        before, _, after = str(missing).rpartition("; set ")
        raise DatasetNotFound(f"{before}; {reason}; set {after}")
    content = frame_from_archive((folder / ARCHIVE).read_bytes())
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(content)
        os.fsync(file.fileno())
    Path(file.name).replace(folder / FILE)
    return locate(FOLDER, SHA256, None)[FILE]
