"""Where a dataset's files come from: the given folder, the user's cache, a checked download, or an error.

A damaged file is refused by name and never replaced behind the user's back. A host that does not answer is
given up after `GIVE_UP_SECONDS` and remembered in an environment variable, so that neither this process nor
its children wait for it again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests

from runtime.errors import DataError

DATA_VARIABLE = "EDGEPROOF_DATA"
UNREACHABLE_VARIABLE = "EDGEPROOF_UNREACHABLE"
# Two hosts are known in all (see the dataset files): twice this stays well below ten seconds.
GIVE_UP_SECONDS = 4.0
_SHOWN = {"sha256": "SHA-256", "md5": "MD5"}
NO_DOWNLOAD: dict[str, str] = {}  # the addresses of a dataset that has to be put into a folder by hand


class DatasetNotFound(DataError):
    """The dataset is in none of the places where it was looked for; what is there is not damaged."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hex digits.

    Raises:
        DataError: the file cannot be read.
    """
    return _hash_of(path, "sha256")


def locate(
    dataset: str, known: dict[str, str], urls: dict[str, str] | None, data_dir: str | Path | None = None
) -> dict[str, Path]:
    """Finds all files of `dataset` in one place and checks them.

    Args:
        dataset: its name, which is that of its folder.
        known: the SHA-256 of each file by name; `md5:` and an MD5 where its authors give no other.
        urls: where each file may be downloaded from; `NO_DOWNLOAD` if there is no such place, and the message
            says so; None searches folders only.
        data_dir: the folder to look in first.

    Returns:
        The paths by file name.

    Raises:
        DatasetNotFound: no place has all files; the message names everything that was tried.
        DataError: a file is damaged.
    """
    tried = []
    for place, root in _places(data_dir):
        folder = root / dataset
        missing = [name for name in known if not (folder / name).is_file()]
        if not missing:
            return {name: _checked(folder / name, digest) for name, digest in known.items()}
        tried.append(f"{place} (no {dataset}/{missing[0]})")
    if urls is not None:
        reason = _fetch(cache_folder(dataset), known, urls)
        if reason is None:
            return {name: cache_folder(dataset) / name for name in known}
        tried.append(reason)
    raise DatasetNotFound(not_found(dataset, tried))


def not_found(dataset: str, tried: list[str]) -> str:
    """The error text for a dataset that is nowhere: what was tried, and how to mend it."""
    return (
        f"{dataset} not found: tried {'; '.join(tried)}; "
        f"set {DATA_VARIABLE} (or --data-dir) to a folder that holds {dataset}/"
    )


def cache_folder(dataset: str) -> Path:
    """The folder of `dataset` in the user's cache (it may not exist)."""
    return Path(pooch.os_cache("edgeproof")) / dataset


def download(folder: Path, name: str, digest: str, url: str) -> str | None:
    """Downloads one file into `folder` and checks it against `digest`, written as for `locate`.

    Returns:
        None when the file is there, otherwise the reason in words.

    Raises:
        DataError: what was downloaded is not the original.
    """
    host = urlsplit(url).hostname or url
    if host in os.environ.get(UNREACHABLE_VARIABLE, "").split():
        return f"download from {host} (gave up on it earlier in this run)"
    reason = _unreachable(url)
    if reason is None:
        try:
            pooch.get_logger().setLevel(logging.WARNING)
            downloader = pooch.HTTPDownloader(timeout=GIVE_UP_SECONDS)
            algorithm, expected = _algorithm(digest)
            pooch.retrieve(url, f"{algorithm}:{expected}", fname=name, path=folder, downloader=downloader)
            return None
        except ValueError as error:  # pooch's word for a wrong hash; it has removed the file again
            raise DataError(
                f"{url}: what was downloaded is not the original file ({_SHOWN[algorithm]} differs)"
            ) from error
        except (OSError, requests.RequestException) as error:
            reason = type(error).__name__
    os.environ[UNREACHABLE_VARIABLE] = f"{os.environ.get(UNREACHABLE_VARIABLE, '')} {host}".strip()
    return f"download from {host} ({reason})"


def _algorithm(digest: str) -> tuple[str, str]:
    """Of a hash as `locate` takes it, the algorithm and the hex digits."""
    algorithm, colon, digits = digest.partition(":")
    return (algorithm, digits) if colon else ("sha256", digest)


def _hash_of(path: Path, algorithm: str) -> str:
    """A file's hash in hex digits.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        facts = path.stat()
        return _hash_at(path, algorithm, facts.st_size, facts.st_mtime_ns)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the file and its permissions"
        ) from error


@lru_cache
def _hash_at(path: Path, algorithm: str, size: int, mtime_ns: int) -> str:
    """The hash of a file while it has this size and this time: many models have the same dataset."""
    return hashlib.new(algorithm, path.read_bytes(), usedforsecurity=algorithm != "md5").hexdigest()


def _places(data_dir: str | Path | None) -> list[tuple[str, Path]]:
    """Lists the folders to search, each with its name for messages."""
    places: list[tuple[str, Path]] = []
    if data_dir is not None:
        if not Path(data_dir).is_dir():
            raise DataError(f"data folder {str(data_dir)!r} is not a folder; give one that exists, or none")
        places.append((str(data_dir), Path(data_dir)))
    elif os.environ.get(DATA_VARIABLE):
        folder = os.environ[DATA_VARIABLE]
        places.append((f"{DATA_VARIABLE}={folder}", Path(folder)))
    cache = Path(pooch.os_cache("edgeproof"))
    return [*places, (f"cache {cache}", cache)]


def _checked(path: Path, digest: str) -> Path:
    """Returns `path` if its bytes are the original's; DataError that names the file otherwise."""
    algorithm, expected = _algorithm(digest)
    found = _hash_of(path, algorithm)
    if found != expected:
        raise DataError(
            f"{path}: damaged, truncated or not the original file ({path.stat().st_size} bytes, {_SHOWN[algorithm]} "
            f"{found[:16]}…, expected {expected[:16]}…); delete it or put the original in its place"
        )
    return path


def _fetch(folder: Path, known: dict[str, str], urls: dict[str, str]) -> str | None:
    """Downloads what `folder` lacks; returns None, or in words why it is still incomplete."""
    for name, digest in known.items():
        if (folder / name).is_file():
            _checked(folder / name, digest)
            continue
        reason = download(folder, name, digest, urls[name]) if urls else "download (this dataset has none)"
        if reason is not None:
            return reason
    return None


def _unreachable(url: str) -> str | None:
    """Asks the host for the headers of `url`, for GIVE_UP_SECONDS at most; None if it would send the file.

    In a thread, because a name server that does not answer blocks longer than any timeout of a socket.
    """
    answer = [f"no answer within {GIVE_UP_SECONDS:g} s"]

    def ask() -> None:
        try:
            with requests.get(url, stream=True, timeout=GIVE_UP_SECONDS) as response:
                answer[0] = "" if response.ok else f"HTTP status {response.status_code}"
        except requests.Timeout:
            pass  # as the wait for this thread, which ends at the same time
        except requests.RequestException as error:
            answer[0] = (
                "host not reachable" if isinstance(error, requests.ConnectionError) else type(error).__name__
            )

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(GIVE_UP_SECONDS)
    return answer[0] or None
