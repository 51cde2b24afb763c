"""California housing: scikit-learn's frame as a CSV file, split the way the tutorial does."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from data.dataset import Dataset, Split, table_input, value_output
from data.sources import DatasetNotFound, cache_folder, download, locate
from runtime.errors import DataError

COLUMNS = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
TARGET = "MedHouseVal"
FILE = "california_housing.csv"
SHA256 = {FILE: "94ef369b909f5c725340b512b7c9a05c1550a554b6592d29303990e3ba521a1f"}

# The archive that scikit-learn reads too; the frame's columns are ratios of its columns.
ARCHIVE = "cal_housing.tgz"
ARCHIVE_SHA256 = "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681"
_URL = "https://ndownloader.figshare.com/files/5976036"


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load `california-housing`: raw float32 rows [n, 8]; the target is the median price in 100,000 USD.

    Raises:
        DatasetNotFound: it is in no folder and cannot be downloaded.
        DataError: its file is damaged.
    """
    try:
        paths, _ = locate(name, SHA256, None, data_dir)
        path = paths[FILE]
    except DatasetNotFound as missing:
        path = _fetch(missing)
    rows, prices = read_frame(path)
    rest, test, rest_prices, test_prices = train_test_split(rows, prices, random_state=7)
    train, validation, train_prices, validation_prices = train_test_split(rest, rest_prices, random_state=11)
    return Dataset(
        name=name,
        inputs=(table_input(COLUMNS),),
        outputs=(value_output("100,000 USD", TARGET),),
        sha256=dict(SHA256),
        train=_split(train, train_prices),
        validation=_split(validation, validation_prices),
        test=_split(test, test_prices),
    )


def _split(rows: NDArray[np.float32], prices: NDArray[np.float32]) -> Split:
    return Split({"rows": rows}, {"value": prices[:, np.newaxis]})


def read_frame(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the CSV file: rows float32 [n, 8] and prices float32 [n] in 100,000 USD.

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
    """Turn the original archive into the CSV file, byte for byte as pandas writes scikit-learn's frame."""
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
    """Download the archive into the cache and write the CSV file beside it."""
    folder = cache_folder("california-housing")
    reason = download(folder, ARCHIVE, ARCHIVE_SHA256, _URL)
    if reason is not None:
        before, _, after = str(missing).rpartition("; set ")
        raise DatasetNotFound(f"{before}; {reason}; set {after}")
    content = frame_from_archive((folder / ARCHIVE).read_bytes())
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(content)
        os.fsync(file.fileno())
    Path(file.name).replace(folder / FILE)
    return locate("california-housing", SHA256, None)[0][FILE]
