"""The path to FID with random weights, which are never called FID."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Call
from numpy.typing import NDArray

from imgcollapse.data.formats import read_images
from imgcollapse.data.writing import write_images
from imgcollapse.errors import DataError, EnvironmentalError
from imgcollapse.images import ImageSet
from imgcollapse.metrics.frechet import Moments
from imgcollapse.metrics.inception import (
    FEATURES,
    REFERENCE_SHA256,
    VARIABLE,
    Inception,
    InceptionStatistics,
    find_weights,
    inception_scores,
    sha256_of,
)
from imgcollapse.metrics.kernel import KernelTo
from imgcollapse.study.statistics_file import read_statistics, write_statistics

CPU = torch.device("cpu")


def few_images(num: int, seed: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (num, channels, 32, 32), dtype=np.uint8)


def no_network(sha256: str = "0" * 64, dim: int = FEATURES) -> Inception:
    return Inception(torch.nn.Identity(), sha256, CPU, dim)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded weights file with the names and shapes of the reference network."""
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    path = Path(tmp_path_factory.mktemp("weights") / "random.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(
            fidelity.FeatureExtractorInceptionV3, "load_state_dict", lambda *_, **__: None
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = fidelity.FeatureExtractorInceptionV3("random", ["2048"])
            for module in network.modules():
                if isinstance(module, torch.nn.Conv2d):
                    torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def inception(random_weights: Path) -> Inception:
    """The first layer of features of the random network, which is quick."""
    return Inception.load(random_weights, CPU, expected_sha256=sha256_of(random_weights), dim=64)


@pytest.mark.parametrize("dim", [64, FEATURES])
def test_features_are_those_of_torch_fidelity(
    random_weights: Path, dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    monkeypatch.setattr("imgcollapse.metrics.inception.BATCH", {"cpu": 2})
    hashed = sha256_of(random_weights)
    inception = Inception.load(random_weights, CPU, expected_sha256=hashed, dim=dim)
    oracle = FeatureExtractorInceptionV3("oracle", [str(dim)], str(random_weights))
    images = few_images(3, 1)
    expected = oracle(torch.from_numpy(images))[0].numpy()
    found = inception.features(images)
    assert found.shape == (3, dim)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert found.std(0).max() > 0.01, "the images do not differ in any feature"
    inception.network.use_antialias = True  # type: ignore[assignment]
    assert np.abs(inception.features(images) - expected).max() > 1e-3


def test_features_depend_neither_on_the_batch_nor_on_repeated_channels(
    inception: Inception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgcollapse.metrics.inception.BATCH", {"cpu": 4})
    grey = few_images(6, 2, channels=1)
    found = inception.features(grey)
    np.testing.assert_array_equal(found[4:], inception.features(grey[4:].repeat(3, 1)))


def test_the_whole_path_from_images_to_scores_and_statistics(
    inception: Inception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgcollapse.metrics.inception.BATCH", {"cpu": 4})
    samples, real = (inception.statistics(few_images(8, seed)) for seed in (3, 4))
    write_statistics(tmp_path / "stats.npz", real.moments, inception.extractor)
    moments, _ = read_statistics(tmp_path / "stats.npz", inception.dim, inception.extractor)
    read = InceptionStatistics(moments)
    full = inception_scores(inception, samples, real, seed=5)
    assert set(full) == {"fd_other_inception", "kid_other_inception"}
    from_file = inception_scores(inception, samples, read, seed=5)
    assert set(from_file) == {"fd_other_inception"}
    assert from_file["fd_other_inception"] == full["fd_other_inception"]
    with pytest.raises(DataError, match="another extractor"):
        read_statistics(tmp_path / "stats.npz", inception.dim, "someone else")


def test_measure_gives_fid_and_reads_what_it_wrote(
    call: Call, random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgcollapse.metrics.inception.BATCH", {"cpu": 4})
    checked = functools.partial(Inception.load, expected_sha256=sha256_of(random_weights), dim=64)
    monkeypatch.setattr("imgcollapse.metrics.inception.Inception.load", checked)
    write_images(ImageSet.of(few_images(60, 3), None, ("a", "b")), tmp_path / "samples.npz")
    labels = np.arange(240) % 2
    write_images(ImageSet.of(few_images(240, 4), labels, ("a", "b")), tmp_path / "real.npz")
    words = ("measure", "samples.npz", "--inception", "--weights", random_weights, "--no-tstr")
    reads = []

    def read(where: Path, **options: Any) -> tuple[ImageSet, list[str]]:
        reads.append(where.name)
        return read_images(where, **options)

    monkeypatch.setattr("imgcollapse.study.given_images.read_images", read)
    said = call(*words, "--reference", "real.npz", "--steps", 2, "--out", "out", "--json")
    assert said.code == 0
    assert sorted(reads) == ["real.npz", "samples.npz"]
    found = {row["metric"]: row for row in said.json["scores"] if row["generation"] == 0}
    assert found["fd_other_inception"]["n"] == found["kid_other_inception"]["n"] == 60
    assert found["fd_judge"]["extractor"] != found["fd_other_inception"]["extractor"]
    from_file = call(*words, "--reference", "out/inception_stats.npz", "--json")
    assert from_file.code == 0
    (row,) = from_file.json["scores"]
    assert row["value"] == found["fd_other_inception"]["value"]
    assert from_file.json["judge"] is None


def test_missing_weights_are_said_before_any_work(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("imgcollapse.study.measuring.measure", None)
    write_images(ImageSet.of(few_images(60, 3), None, ("a", "b")), tmp_path / "samples.npz")
    said = call("measure", "samples.npz", "--reference", "samples.npz", "--inception", "--out", "o")
    assert said.code == 7
    assert not (tmp_path / "o").exists()


def test_only_the_reference_weights_give_fid(random_weights: Path) -> None:
    with pytest.raises(EnvironmentalError, match="not the expected Inception weights") as refusal:
        Inception.load(random_weights, CPU)
    assert refusal.value.exit_code == 7
    assert no_network().metric_names == ("fd_other_inception", "kid_other_inception")
    assert no_network(REFERENCE_SHA256).metric_names == ("fid", "kid")
    assert "fid" not in no_network(REFERENCE_SHA256, dim=64).metric_names


def test_a_file_that_would_run_code_is_not_unpickled(tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")

    class Harm:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "harm",)

    torch.save(Harm(), tmp_path / "harm.pth")
    with pytest.raises(EnvironmentalError, match="no Inception weights"):
        Inception.load(tmp_path / "harm.pth", CPU, expected_sha256=sha256_of(tmp_path / "harm.pth"))
    assert not (tmp_path / "harm").exists()


def test_scores_are_those_of_torchmetrics_and_leave_the_global_random_state_alone() -> None:
    from torchmetrics.image.fid import _compute_fid
    from torchmetrics.image.kid import poly_mmd

    random = np.random.default_rng(6)
    features = [random.normal(size=(40, 64)).astype(np.float32) + at for at in (0, 0.1)]
    samples, real = (InceptionStatistics(Moments.of(one), one) for one in features)
    before = torch.random.get_rng_state()
    scores = inception_scores(no_network(), samples, real, seed=7)
    assert torch.equal(before, torch.random.get_rng_state())
    assert scores == inception_scores(no_network(), samples, real, seed=7)
    fd, _ = scores["fd_other_inception"]
    theirs = _compute_fid(
        *(
            torch.from_numpy(one)
            for side in (real, samples)
            for one in (side.moments.mu, side.moments.sigma)
        )
    )
    assert fd == pytest.approx(float(theirs), rel=1e-5)
    kid, error = scores["kid_other_inception"]
    doubles = (torch.from_numpy(one.astype(np.float64)) for one in features)
    assert kid == pytest.approx(float(poly_mmd(*doubles)), rel=1e-6)
    assert error == KernelTo(features[1])(features[0]).error


def test_statistics_of_other_tools_are_read_and_bad_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, mu=np.zeros(FEATURES), sigma=np.eye(FEATURES))
    moments, signed = read_statistics(path, FEATURES, "ours")
    assert moments.n == 2
    assert not signed
    for bad, match in (
        ({"mu": np.zeros(4), "sigma": np.eye(4)}, "2048 features"),
        ({"mu": np.full(FEATURES, np.nan), "sigma": np.eye(FEATURES)}, "not finite"),
        ({"mean": np.zeros(FEATURES)}, "mu and sigma"),
    ):
        np.savez(path, **bad)
        with pytest.raises(DataError, match=match):
            read_statistics(path, FEATURES, "ours")


def test_weights_are_found_by_path_variable_and_cache_and_never_fetched_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(EnvironmentalError, match="not here") as refusal:
        find_weights(None)
    assert refusal.value.exit_code == 7
    assert "--download" in refusal.value.hint
    cached = tmp_path / "hub" / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth"
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert find_weights(None) == cached
    named = tmp_path / "named.pth"
    with pytest.raises(EnvironmentalError, match=r"named\.pth"):
        find_weights(named)
    named.touch()
    assert find_weights(named) == named
    monkeypatch.setenv(VARIABLE, str(named))
    assert find_weights(None) == named


def test_what_is_downloaded_must_have_the_reference_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgcollapse.metrics import inception as module

    served = tmp_path / "served.pth"
    served.write_bytes(b"something else")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(module, "URL", served.as_uri())
    with pytest.raises(EnvironmentalError, match="not the expected"):
        find_weights(None, download=True)
    assert not list((tmp_path / "home").rglob("*.p*"))
    monkeypatch.setattr(module, "REFERENCE_SHA256", sha256_of(served))
    assert find_weights(None, download=True).read_bytes() == b"something else"
    monkeypatch.setattr(module, "URL", (tmp_path / "gone").as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "other"))
    with pytest.raises(EnvironmentalError, match="cannot be fetched"):
        find_weights(None, download=True)


def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    torch.save({}, path)
    monkeypatch.setitem(sys.modules, "torchmetrics.image.fid", None)
    with pytest.raises(EnvironmentalError, match="torchmetrics") as refusal:
        Inception.load(path, CPU)
    assert "imgcollapse[inception]" in refusal.value.hint
