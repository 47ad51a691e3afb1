"""Every named source loads from its real layout on disk, and fetches only when it is told to."""

from __future__ import annotations

import gzip
import os
import pickle
import socket
import struct
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import scipy.io

from imgcollapse.config import DataConfig, SourceName
from imgcollapse.data.sources import SOURCES, Source, load_source, native_shape
from imgcollapse.errors import DataError

REAL_DATA = Path(
    os.environ.get("IMGCOLLAPSE_DATA", Path(__file__).parents[1].parent / "shared" / "data")
)
FETCHED = ("mnist", "fashion-mnist", "cifar10", "cifar100", "svhn")
FOLDERS = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}


class NoNetwork(socket.socket):
    def __init__(self, *_: object, **__: object) -> None:
        raise OSError("network touched")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", NoNetwork)
    monkeypatch.setattr(socket, "getaddrinfo", NoNetwork)
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(proxy, raising=False)


@pytest.fixture
def _any_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files of ours cannot have the official MD5 sums."""
    from torchvision.datasets import cifar, svhn

    for module in (cifar, svhn):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5: os.path.isfile(path))


def load(name: str, root: Path, image_size: int | None = None, download: bool = False) -> Source:
    return load_source(name, root=root, image_size=image_size, how="antialias", download=download)


def write_idx_files(folder: Path, ending: str = ".gz") -> None:
    folder.mkdir(parents=True)
    for part, num in (("train", 20), ("t10k", 10)):
        pixels = np.full((num, 28, 28), num, np.uint8)
        labels = (np.arange(num) % 10).astype(np.uint8)
        for name, array in ((f"{part}-images-idx3", pixels), (f"{part}-labels-idx1", labels)):
            head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            content = head + array.tobytes()
            path = folder / f"{name}-ubyte{ending}"
            path.write_bytes(gzip.compress(content) if ending else content)


def write_cifar(root: Path, name: str) -> None:
    folder = root / ("cifar-10-batches-py" if name == "cifar10" else "cifar-100-python")
    folder.mkdir()
    key, meta = "labels", "batches.meta"
    files = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    if name == "cifar100":
        key, meta, files = "fine_labels", "meta", ["train", "test"]
    red = np.zeros((4, 3, 32, 32), np.uint8)
    red[:, 0] = 255
    for file in files:
        (folder / file).write_bytes(pickle.dumps({"data": red.reshape(4, -1), key: [9, 3, 1, 0]}))
    names = {"label_names": ["a"], "fine_label_names": ["a"]}
    (folder / meta).write_bytes(pickle.dumps(names))


def write_svhn(root: Path) -> None:
    for part, num in (("train", 6), ("test", 3)):
        pixels = np.zeros((32, 32, 3, num), np.uint8)
        pixels[:, :, 0] = 255
        labels = np.array([[10], [1], [2], [10], [4], [5]][:num], np.uint8)
        scipy.io.savemat(root / f"{part}_32x32.mat", {"X": pixels, "y": labels})


def test_table_holds_every_source_of_the_config() -> None:
    assert {info.name for info in SOURCES} == set(get_args(SourceName))
    assert {info.name: len(info.classes) for info in SOURCES if info.classes} == {
        "digits": 10,
        "mnist": 10,
        "fashion-mnist": 10,
        "cifar10": 10,
        "cifar100": 100,
        "svhn": 10,
    }
    assert all("\n" not in info.about and len(info.about) < 140 for info in SOURCES)


def test_digits_are_scaled_to_bytes(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    source = load("digits", tmp_path)
    assert source.test is None
    assert source.train.image_shape == (1, 8, 8)
    assert len(source.train) == 1797
    np.testing.assert_array_equal(
        source.train.images[:, 0], np.round(load_digits().images * 255 / 16)
    )
    assert source.notes == ("scaled digits from 0–16 to 0–255",)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_are_read_in_place(tmp_path: Path, name: str, ending: str) -> None:
    folder = tmp_path / FOLDERS[name]
    write_idx_files(folder, ending)
    before = sorted(tmp_path.rglob("*"))
    folder.chmod(0o555)
    source = load(name, tmp_path, image_size=32, download=True)
    folder.chmod(0o755)
    assert source.test is not None
    assert (len(source.train), len(source.test)) == (20, 10)
    assert source.train.image_shape == source.test.image_shape == (1, 32, 32)
    assert source.train.classes[0] == ("0" if name == "mnist" else "T-shirt/top")
    assert source.notes == tuple(
        f"resized {num} images from 28×28 to 32×32 with antialiasing ({name} {part})"
        for num, part in ((20, "train"), (10, "test"))
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("_any_checksum")
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_in_torchvisions_layout(tmp_path: Path, name: str) -> None:
    write_cifar(tmp_path, name)
    source = load(name, tmp_path)
    assert source.test is not None
    assert (len(source.train), len(source.test)) == (20 if name == "cifar10" else 4, 4)
    assert source.test.labels.tolist() == [9, 3, 1, 0]
    assert (source.train.images[:, 0] == 255).all()
    assert (source.train.images[:, 1:] == 0).all()
    assert source.train.classes[0] == ("airplane" if name == "cifar10" else "apple")
    assert (source.train.origin == 0).all()


@pytest.mark.usefixtures("_any_checksum")
def test_svhn_in_torchvisions_layout(tmp_path: Path) -> None:
    write_svhn(tmp_path)
    source = load("svhn", tmp_path)
    assert source.test is not None
    assert source.train.labels.tolist() == [0, 1, 2, 0, 4, 5]
    assert source.test.images.shape == (3, 3, 32, 32)
    assert (source.test.images[:, 0] == 255).all()
    assert source.train.classes == tuple("0123456789")


def test_torchvision_names_the_classes_as_the_table_does() -> None:
    from torchvision.datasets import FashionMNIST

    (fashion,) = (info for info in SOURCES if info.name == "fashion-mnist")
    assert fashion.classes == tuple(FashionMNIST.classes)
    (cifar100,) = (info for info in SOURCES if info.name == "cifar100")
    assert list(cifar100.classes) == sorted(set(cifar100.classes))


@pytest.mark.parametrize("name", FETCHED)
def test_absent_data_is_not_fetched_unasked(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{name} is not there") as error:
        load(name, tmp_path)
    assert str(tmp_path) in error.value.message
    assert all(
        word in error.value.hint for word in ("data.root", "data.download=true", "IMGCOLLAPSE_DATA")
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FETCHED)
def test_download_without_network_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"could not download {name}: ") as error:
        load(name, tmp_path, download=True)
    assert "network touched" in error.value.message
    assert "\n" not in error.value.message
    assert error.value.exit_code == 3


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn"])
def test_wrong_checksum_is_refused_before_it_is_unpickled(tmp_path: Path, name: str) -> None:
    if name == "svhn":
        write_svhn(tmp_path)
    else:
        write_cifar(tmp_path, name)
    with pytest.raises(DataError, match=f"files of {name} are damaged") as error:
        load(name, tmp_path)
    assert str(tmp_path) in error.value.message


def test_incomplete_and_cut_idx_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    write_idx_files(folder)
    labels = folder / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:-9])
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        load("mnist", tmp_path)
    labels.unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        load("mnist", tmp_path)


def test_files_are_read_by_their_format(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", np.zeros((3, 4, 4, 1), np.uint8), np.array([0, 1, 1]))
    source = load("files", tmp_path / "set.npz", image_size=8)
    assert source.test is None
    assert source.train.image_shape == (1, 8, 8)
    assert len(source.notes) == 1


def test_native_shape_needs_no_data(tmp_path: Path) -> None:
    assert native_shape(DataConfig(source="digits")) == ((1, 8, 8), tuple("0123456789"))
    shape, classes = native_shape(DataConfig(source="cifar100", image_size=16))
    assert (shape, len(classes)) == ((3, 16, 16), 100)
    assert len(native_shape(DataConfig(source="kennel"))[1]) == 10
    with pytest.raises(ValueError, match="files"):
        native_shape(DataConfig(source="files"))


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"no real data at {REAL_DATA}")
def test_real_mnist_is_whole() -> None:
    source = load("mnist", REAL_DATA)
    assert source.test is not None
    assert (len(source.train), len(source.test)) == (60_000, 10_000)
    assert source.train.counts().tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
