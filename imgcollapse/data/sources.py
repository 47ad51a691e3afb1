"""Real data sets by name: what there is, and how each is loaded."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import DataConfig
from imgcollapse.data.formats import read_idx, read_images
from imgcollapse.data.resizing import How, fit_images
from imgcollapse.errors import DataError
from imgcollapse.images import ImageSet

DIGITS = tuple("0123456789")
CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CIFAR100_NAMES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab
    crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
    lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIGITS_SCALE = 255 / 16
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

Pixels = tuple[NDArray[np.uint8], NDArray[np.integer]]
"""Images N×C×H×W and their labels."""


@dataclass(frozen=True)
class Source:
    """The real images of a data set; ``test`` is None where it has no test images of its own."""

    train: ImageSet
    test: ImageSet | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is loaded.

    ``classes`` and ``shape`` (channels, height, width) are empty where drawing or files decide.
    ``place`` is where its files lie below ``data.root``, and ``torchvision`` the class there.
    """

    name: str
    about: str
    classes: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None
    place: str = ""
    torchvision: str = ""


SOURCES = (
    SourceInfo(
        "kennel",
        "ten breeds of dogs, drawn by imgcollapse without limit, 3×32×32 or 16 to 64 pixels a "
        "side; MIT",
        shape=(3, 32, 32),
    ),
    SourceInfo(
        "digits",
        "written digits, 10 classes, 1×8×8, 1,797 images and no test images; CC BY 4.0, UCI "
        "(Alpaydin, Kaynak), comes with scikit-learn",
        DIGITS,
        (1, 8, 8),
    ),
    SourceInfo(
        "mnist",
        "written digits, 10 classes, 1×28×28, 60,000 train and 10,000 test images; CC BY-SA 3.0, "
        "LeCun, Cortes, Burges",
        DIGITS,
        (1, 28, 28),
        "MNIST/raw",
        "MNIST",
    ),
    SourceInfo(
        "fashion-mnist",
        "clothes, 10 classes, 1×28×28, 60,000 train and 10,000 test images; MIT, Zalando",
        FASHION,
        (1, 28, 28),
        "FashionMNIST/raw",
        "FashionMNIST",
    ),
    SourceInfo(
        "cifar10",
        "photographs, 10 classes, 3×32×32, 50,000 train and 10,000 test images; no licence "
        "stated, Krizhevsky",
        CIFAR10,
        (3, 32, 32),
        "cifar-10-batches-py",
        "CIFAR10",
    ),
    SourceInfo(
        "cifar100",
        "photographs, 100 classes, 3×32×32, 50,000 train and 10,000 test images; no licence "
        "stated, Krizhevsky",
        tuple(CIFAR100_NAMES.split()),
        (3, 32, 32),
        "cifar-100-python",
        "CIFAR100",
    ),
    SourceInfo(
        "svhn",
        "house numbers, 10 classes, 3×32×32, 73,257 train and 26,032 test images; for "
        "non-commercial use, Netzer and others",
        DIGITS,
        (3, 32, 32),
        "train_32x32.mat",
        "SVHN",
    ),
    SourceInfo("files", "your own images: data.root is a folder of class folders, zip, npz or IDX"),
)


def native_shape(data: DataConfig) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Channels, height and width of the images a config asks for, and their classes.

    Needs no data on disk, and so raises ValueError for ``files``.
    """
    info = _info(data.source)
    classes = info.classes
    if info.name == "kennel":
        from imgcollapse.data.kennel import BREEDS

        classes = BREEDS
    if info.shape is None:
        raise ValueError("only the files themselves say what shape they have")
    channels, height, width = info.shape
    side = data.image_size
    return (channels, side or height, side or width), classes


def load_source(
    name: str, *, root: Path, image_size: int | None, how: How, download: bool
) -> Source:
    """The train and test images of a source, at ``image_size`` if that is given.

    Reads below ``root`` and fetches only where ``download`` is true. DataError where files are
    absent, damaged or cannot be fetched.
    """
    if name == "files":
        images, notes = read_images(root, image_size=image_size, how=how)
        return Source(images, None, tuple(notes))
    info = _info(name)
    if name == "digits":
        parts, notes = {"digits": _digits()}, ["scaled digits from 0–16 to 0–255"]
    elif name in ("mnist", "fashion-mnist"):
        parts, notes = _from_idx(info, root, download), []
    elif info.torchvision:
        parts, notes = _from_torchvision(info, root, download), []
    else:
        raise ValueError(f"{name} is not loaded from files")
    sets = []
    for part, (pixels, labels) in parts.items():
        fitted, more = fit_images(pixels, image_size, how, part)
        sets.append(ImageSet.of(fitted, labels, info.classes))
        notes += more
    return Source(sets[0], sets[1] if len(sets) == 2 else None, tuple(notes))


def _info(name: str) -> SourceInfo:
    return next(info for info in SOURCES if info.name == name)


def _digits() -> Pixels:
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return np.round(loaded.images * DIGITS_SCALE).astype(np.uint8)[:, None], loaded.target


def _from_idx(info: SourceInfo, root: Path, download: bool) -> dict[str, Pixels]:
    """Reads the IDX files as they lie there: torchvision would have to unpack them beside."""
    folder = root / info.place
    missing = [name for name in IDX_FILES if not _plain_or_gzipped(folder / name).exists()]
    if missing and not download:
        raise _absent(info, folder / missing[0])
    if missing:
        _torchvision_sets(info, root, download=True)
    arrays = [read_idx(_plain_or_gzipped(folder / name)) for name in IDX_FILES]
    parts: dict[str, Pixels] = {}
    for part, images, labels in zip(("train", "test"), arrays[::2], arrays[1::2], strict=True):
        if images.shape != (len(labels), 28, 28) or labels.max(initial=0) >= len(info.classes):
            raise _damaged(info, folder)
        parts[f"{info.name} {part}"] = (images[:, None], labels)
    return parts


def _plain_or_gzipped(path: Path) -> Path:
    return path if path.exists() else path.with_name(path.name + ".gz")


def _from_torchvision(info: SourceInfo, root: Path, download: bool) -> dict[str, Pixels]:
    if not (root / info.place).exists() and not download:
        raise _absent(info, root / info.place)
    parts = {}
    for part, dataset in zip(
        ("train", "test"), _torchvision_sets(info, root, download=download), strict=True
    ):
        svhn = info.name == "svhn"
        pixels = dataset.data if svhn else np.ascontiguousarray(dataset.data.transpose(0, 3, 1, 2))
        labels = np.asarray(dataset.labels if svhn else dataset.targets)
        parts[f"{info.name} {part}"] = (pixels, labels)
    return parts


def _torchvision_sets(info: SourceInfo, root: Path, *, download: bool) -> list[Any]:
    """torchvision's train and test set; it checks the MD5 of the files before it unpickles any."""
    from torchvision import datasets

    make = getattr(datasets, info.torchvision)
    splits: list[dict[str, Any]] = [{"train": True}, {"train": False}]
    if info.name == "svhn":
        splits = [{"split": "train"}, {"split": "test"}]
    try:
        return [make(str(root), download=download, **split) for split in splits]
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        if not download:
            raise _damaged(info, root / info.place) from error
        reason = " ".join(str(error).split())
        raise DataError(
            f"could not download {info.name}: {reason} ({root})",
            "fetch it where there is a network, and name its folder with data.root or "
            "IMGCOLLAPSE_DATA",
        ) from error


def _absent(info: SourceInfo, path: Path) -> DataError:
    return DataError(
        f"{info.name} is not there ({path})",
        "set data.root or IMGCOLLAPSE_DATA to the folder that holds it, or data.download=true",
    )


def _damaged(info: SourceInfo, path: Path) -> DataError:
    return DataError(
        f"the files of {info.name} are damaged or incomplete ({path})",
        "delete them and set data.download=true",
    )
