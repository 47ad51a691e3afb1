"""Images from the formats of other tools: class folders, zip, npz and MNIST IDX."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgcollapse.data.resizing import How, decode_images, fit_images
from imgcollapse.errors import DataError
from imgcollapse.images import UNLABELLED, ImageSet

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
LISTING = "dataset.json"
MOST_CLASSES = 100_000
IDX_IMAGES, IDX_LABELS = "images-idx3", "labels-idx1"
FORMATS = (
    "give a folder of class folders, a zip with dataset.json, an npz with arr_0, or the images "
    "file of an IDX pair"
)
NOT_WHOLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,  # an encrypted zip
    NotImplementedError,
    zlib.error,
    struct.error,
    zipfile.BadZipFile,
)


def read_images(
    path: Path, *, image_size: int | None, how: How, samples: bool = False
) -> tuple[ImageSet, list[str]]:
    """Reads images in any of the formats, and says in notes what was done to them.

    Of generated ``samples`` a class folder may be empty and the labels of an IDX file absent.
    Labels are positions in the set's ``classes``: the sorted names of the class folders, the
    ``classes`` of a zip or npz, or else "0", "1" and so on up to the largest label. DataError names
    what is missing, unreadable or contradictory.
    """
    if not path.exists():
        raise DataError(f"there is nothing at this path ({path})", FORMATS)
    if path.is_dir():
        pairs = _idx_images_in(path)
        if len(pairs) > 1:
            names = ", ".join(pair.name for pair in pairs)
            raise DataError(f"more than one images file: {names} ({path})", "name one of the files")
        if pairs:
            return _read_idx_pair(pairs[0], image_size, how, samples)
        return _read_folder(path, image_size, how, samples)
    if IDX_IMAGES in path.name:
        return _read_idx_pair(path, image_size, how, samples)
    if path.suffix.lower() == ".npz":
        return _read_npz(path, image_size, how)
    if path.suffix.lower() == ".zip":
        return _read_zip(path, image_size, how)
    raise DataError(f"not a format of images that is known ({path})", FORMATS)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The uint8 array of an IDX file, gzipped or not; DataError where it is not whole."""
    with _whole(path):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        zeros, kind, num_axes = struct.unpack_from(">HBB", content)
        if zeros or kind != 8:
            raise ValueError("it does not begin as an IDX file of bytes")
        shape = struct.unpack_from(f">{num_axes}I", content, 4)
        start = 4 + 4 * num_axes
        if len(content) - start != math.prod(shape):
            sizes = "×".join(str(length) for length in shape)
            raise ValueError(f"its head says {sizes}, {len(content) - start:,} bytes follow")
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _read_folder(
    path: Path, image_size: int | None, how: How, samples: bool
) -> tuple[ImageSet, list[str]]:
    names = sorted(
        (Path(folder) / file).relative_to(path).as_posix()
        for folder, _, files in os.walk(path, followlinks=True)
        for file in files
    )
    names = [name for name in names if _is_picture(name)]
    listing = path / LISTING
    if listing.is_file():
        with _whole(listing):
            content = listing.read_bytes()
        names, labels, classes = _read_listing(content, names, f"{path}/{LISTING}")
    else:
        labels, classes = _labels_by_folder(path, names, may_be_empty=samples)
    images, notes = decode_images(
        names,
        lambda name: (path / name).open("rb"),
        image_size=image_size,
        how=how,
        where=str(path),
    )
    return ImageSet.of(images, labels, classes), notes


def _labels_by_folder(
    path: Path, names: Sequence[str], *, may_be_empty: bool
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    classes = sorted(
        entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not classes or not names:
        return None, ()
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    if "" in folders:
        stray = names[folders.index("")]
        raise DataError(
            f"an image lies beside the class folders ({stray} in {path})",
            "move it into the folder of its class",
        )
    for name in classes:
        if name not in folders and not may_be_empty:
            raise DataError(
                f"class {name} has no images ({path / name})", "remove the folder or fill it"
            )
    place = {name: index for index, name in enumerate(classes)}
    return np.array([place[folder] for folder in folders]), tuple(classes)


def _read_zip(path: Path, image_size: int | None, how: How) -> tuple[ImageSet, list[str]]:
    with contextlib.ExitStack() as stack:
        with _whole(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = archive.namelist()
            content = archive.read(LISTING) if LISTING in members else None
        names = sorted(name for name in members if _is_picture(name))
        notes = []
        labels: NDArray[np.int64] | None = None
        classes: tuple[str, ...] = ()
        if content is None:
            notes.append(f"no {LISTING}, so the images have no labels ({path})")
        else:
            names, labels, classes = _read_listing(content, names, f"{LISTING} in {path}")

        def open_member(name: str) -> io.BytesIO:
            try:
                return io.BytesIO(archive.read(name))
            except NOT_WHOLE as error:
                raise OSError(str(error)) from error

        images, more = decode_images(
            names, open_member, image_size=image_size, how=how, where=str(path)
        )
    return ImageSet.of(images, labels, classes), notes + more


def _read_listing(
    content: bytes, names: Sequence[str], where: str
) -> tuple[list[str], NDArray[np.int64] | None, tuple[str, ...]]:
    """Names in the listing's order, labels and classes of a ``dataset.json``."""
    try:
        listing = json.loads(content)
        rows, classes = listing.get("labels"), listing.get("classes")
        labels_by_name = None if rows is None else dict(rows)
        if not all(isinstance(name, str) for name in labels_by_name or ()):
            raise TypeError
    except (ValueError, TypeError, AttributeError):
        raise DataError(
            f"the listing of labels is not readable ({where})",
            'it holds {"labels": [[name, class number], ...], "classes": [...]}',
        ) from None
    if labels_by_name is None:
        return list(names), None, _class_names(None, classes, where)
    unlisted = sorted(set(names) - labels_by_name.keys())
    absent = sorted(labels_by_name.keys() - set(names))
    if unlisted or absent:
        what = f"{unlisted[0]} has no label" if unlisted else f"{absent[0]} has no image"
        raise DataError(f"listing and images differ: {what} ({where})", f"mend {LISTING}")
    numbers = list(labels_by_name.values())
    if not all(type(number) is int and abs(number) < 2**63 for number in numbers):
        raise DataError(f"a label is not a whole number ({where})", "classes are numbered from 0")
    labels = np.array(numbers, np.int64)
    return list(labels_by_name), labels, _class_names(labels, classes, where)


def _read_npz(path: Path, image_size: int | None, how: How) -> tuple[ImageSet, list[str]]:
    with _whole(path):
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is one array, not an npz")
        with archive:
            found = {
                name: archive[name] for name in ("arr_0", "arr_1", "classes") if name in archive
            }
    if "arr_0" not in found:
        raise DataError(f"no array arr_0 ({path})", "arr_0 holds uint8 images N×H×W×C")
    pixels, labels, classes = found["arr_0"], found.get("arr_1"), found.get("classes")
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3):
        raise DataError(
            f"arr_0 is {pixels.dtype} {pixels.shape} ({path})",
            "arr_0 holds uint8 images N×H×W×C with 1 or 3 channels",
        )
    if pixels.size == 0:
        raise DataError(f"no images ({path})", "arr_0 holds uint8 images N×H×W×C")
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != pixels.shape[:1]):
        raise DataError(
            f"arr_1 is {labels.dtype} {labels.shape} for {len(pixels):,} images ({path})",
            "arr_1 holds one whole number for each image",
        )
    names = _class_names(labels, None if classes is None else classes.tolist(), str(path))
    images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    images, notes = fit_images(images, image_size, how, str(path))
    return ImageSet.of(images, labels, names), notes


def _idx_images_in(folder: Path) -> list[Path]:
    """The images files of a folder; of one that lies there plain and gzipped, the plain one."""
    found = {path.name.removesuffix(".gz"): path for path in folder.glob(f"*{IDX_IMAGES}-ubyte.gz")}
    found |= {path.name: path for path in folder.glob(f"*{IDX_IMAGES}-ubyte")}
    return [found[name] for name in sorted(found)]


def _read_idx_pair(
    path: Path, image_size: int | None, how: How, samples: bool
) -> tuple[ImageSet, list[str]]:
    plain = path.with_name(path.name.removesuffix(".gz").replace(IDX_IMAGES, IDX_LABELS))
    gzipped = plain.with_name(plain.name + ".gz")
    labels_path = plain if plain.exists() else gzipped
    if not labels_path.exists() and not samples:
        raise DataError(f"no labels beside the images ({labels_path})", f"they go with {path.name}")
    pixels = read_idx(path)
    labels = read_idx(labels_path) if labels_path.exists() else None
    if pixels.ndim != 3 or pixels.size == 0:
        raise DataError(f"no images N×H×W but an array of shape {pixels.shape} ({path})")
    if labels is not None and labels.shape != pixels.shape[:1]:
        raise DataError(
            f"images of shape {pixels.shape} do not go with labels of shape {labels.shape} ({path})"
        )
    images, notes = fit_images(pixels[:, None], image_size, how, str(path))
    return ImageSet.of(images, labels, _class_names(labels, None, str(path))), notes


def _class_names(
    labels: NDArray[np.integer] | None, classes: object, where: str
) -> tuple[str, ...]:
    """The names that are given, else numbers; DataError where a label has none."""
    numbers = np.array([] if labels is None else labels, np.int64)
    highest = int(numbers.max(initial=UNLABELLED))
    if highest >= MOST_CLASSES:
        raise DataError(f"label {highest} is beyond {MOST_CLASSES:,} classes ({where})")
    if (numbers < UNLABELLED).any():
        raise DataError(f"label {numbers.min()} is negative ({where})", "classes count from 0")
    if classes is None:
        return tuple(str(number) for number in range(highest + 1))
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise DataError(f"classes is not a list of names ({where})", "one name for each class")
    if highest >= len(classes):
        raise DataError(
            f"label {highest} is beyond the {len(classes)} names in classes ({where})",
            "classes count from 0, one name for each",
        )
    return tuple(classes)


def _is_picture(name: str) -> bool:
    """By its ending; hidden files and what archivers of macOS leave behind are none."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    return not hidden and name.lower().endswith(PICTURES)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """What goes wrong while a container is read becomes a DataError that names it."""
    try:
        yield
    except NOT_WHOLE as error:
        raise DataError(
            f"the file cannot be read: {error} ({path})", "it may be cut short; fetch it again"
        ) from error
