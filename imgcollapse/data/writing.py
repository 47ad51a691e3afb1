"""Images to the formats of other tools: class folders, zip and npz."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgcollapse.data.formats import LISTING
from imgcollapse.errors import ConfigError, DataError
from imgcollapse.images import UNLABELLED, ImageSet

EARLIEST = (1980, 1, 1, 0, 0, 0)


def write_images(images: ImageSet, path: Path) -> None:
    """Writes an npz or a zip by the path's ending, a folder if it has none; never over anything.

    The formats hold images, labels and class names, and no origin. ConfigError for another
    ending, and for a zip of which a part of the images has no class; DataError where the target is
    not empty or cannot be written.
    """
    write = writer_for(path)
    taken = any(path.iterdir()) if path.is_dir() else path.exists() and path.stat().st_size > 0
    if taken:
        raise DataError(f"there is something at this path already ({path})", "name another path")
    write(images, path)


def writer_for(path: Path) -> Callable[[ImageSet, Path], None]:
    """What writes images to such a path; ConfigError where its ending names no format."""
    writers = {".npz": write_npz, ".zip": write_zip, "": write_folder}
    if path.suffix.lower() not in writers:
        raise ConfigError(
            f"images are not written as {path.suffix} ({path})",
            "end the path in .npz or .zip, or in no ending for a folder",
        )
    return writers[path.suffix.lower()]


def write_npz(images: ImageSet, path: Path) -> None:
    """ADM's layout: ``arr_0`` N×H×W×C, ``arr_1`` the labels if any, and ``classes``."""
    arrays: dict[str, Any] = {"arr_0": np.ascontiguousarray(images.images.transpose(0, 2, 3, 1))}
    if _any_labelled(images):
        arrays["arr_1"] = images.labels
    if images.classes:
        arrays["classes"] = np.array(images.classes)
    with staged(path) as staging, staging.open("wb") as file:
        np.savez(file, **arrays)
        _flush(file)


def write_zip(images: ImageSet, path: Path) -> None:
    """StyleGAN's and EDM's layout: numbered PNGs and ``dataset.json``; same images, same bytes.

    As their ``dataset_tool.py`` writes them, neither the PNGs nor the zip are compressed.
    ConfigError where a part of the images has no class.
    """
    without = int((images.labels == UNLABELLED).sum())
    if 0 < without < len(images):
        raise ConfigError(
            f"{without:,} of the {len(images):,} images have no class, and EDM's reader would take "
            "each of them for one of the last class",
            "an npz or a folder keeps them apart",
        )
    names = [f"{index:08d}"[:5] + f"/img{index:08d}.png" for index in range(len(images))]
    with staged(path) as staging, staging.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, image in zip(names, images.images, strict=True):
                archive.writestr(_member(name), _png(image, compress_level=0))
            archive.writestr(_member(LISTING), _listing(names, images))
        _flush(file)


def write_folder(images: ImageSet, path: Path) -> None:
    """A folder for each class that has images, and a ``dataset.json`` as in a zip.

    The listing keeps what folder names cannot: the order of images and classes, classes without
    images, and names that hold a slash.
    """
    folders = [re.sub(r"^\.|[/\\:\0]", "_", name) or "_" for name in images.classes]
    names = [
        f"{'unlabelled' if label == UNLABELLED else folders[label]}/img{index:08d}.png"
        for index, label in enumerate(images.labels)
    ]
    with staged(path) as staging:
        staging.mkdir()
        (staging / LISTING).write_bytes(_listing(names, images))
        for name, image in zip(names, images.images, strict=True):
            (staging / name).parent.mkdir(exist_ok=True)
            (staging / name).write_bytes(_png(image))


def _any_labelled(images: ImageSet) -> bool:
    return bool((images.labels != UNLABELLED).any())


def _listing(names: Sequence[str], images: ImageSet) -> bytes:
    listing: dict[str, Any] = {"labels": None}
    if images.classes:
        listing["classes"] = images.classes
    if _any_labelled(images):
        listing["labels"] = [list(row) for row in zip(names, images.labels.tolist(), strict=True)]
    return json.dumps(listing, ensure_ascii=False).encode()


def _png(image: NDArray[np.uint8], compress_level: int = 6) -> bytes:
    content = io.BytesIO()
    pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    Image.fromarray(pixels).save(content, "PNG", compress_level=compress_level)
    return content.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    """A member without the date, system and rights of whoever writes it."""
    member = zipfile.ZipInfo(name, EARLIEST)
    member.create_system = 3
    member.external_attr = 0o644 << 16
    return member


@contextlib.contextmanager
def staged(path: Path, what: str = "images") -> Iterator[Path]:
    """A temporary name beside ``path`` that is renamed to it at the end, or removed on failure.

    DataError where ``what`` is to be there cannot be written.
    """
    staging = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield staging
            os.replace(staging, path)
        finally:
            shutil.rmtree(staging) if staging.is_dir() else staging.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"the {what} cannot be written: {error.strerror} ({path})",
            "choose a path with room where you may write",
        ) from error


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
