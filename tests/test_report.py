"""The report without a browser: what it reads, refuses, says and costs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from conftest import Call
from numpy.typing import NDArray
from PIL import Image
from study_folder import write_study

from imgcollapse.config_file import load_config
from imgcollapse.config_layers import list_configs
from imgcollapse.drawing.palette import COLOURS, REJECT_COLOUR, class_colours, contrast
from imgcollapse.errors import ConfigError, CorruptError
from imgcollapse.policy_config import PRESETS, PolicyConfig
from imgcollapse.report import paint, setting_words
from imgcollapse.report.citations import BIBLIOGRAPHY, sources
from imgcollapse.report.citing_text import CITATION, CitingText, listed
from imgcollapse.report.contents import Chain
from imgcollapse.report.methods import methods
from imgcollapse.report.page import draw_report, embedded_json
from imgcollapse.report.paint import DARK_CARD, class_paints
from imgcollapse.report.provenance import provenance
from imgcollapse.report.reading import read_contents
from imgcollapse.report.sprites import LADDER, Fineness, draw_sprite, draw_sprites
from imgcollapse.report.view import drawn_from
from imgcollapse.store.run_directory import RunDirectory, write_npz

ROOM = Path(setting_words.__file__).parent
FULL, FEW = Fineness(64, all_colours=True), Fineness(64, all_colours=False)


class Page(HTMLParser):
    """Tags, their attributes, and the text of some elements."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.inside = ""
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.inside, []).append(data)


def copies(finished: Path, folder: Path, *places: str) -> Path:
    for place in places:
        shutil.copytree(finished, folder / place)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """Two arms of two seeds each, all of them the same run."""
    cells = [(arm, seed) for arm in ("replace", "mix") for seed in (0, 1)]
    copies(finished, tmp_path / "study", *(f"{arm}/seed{seed}" for arm, seed in cells))
    path = tmp_path / "study"
    write_study(path, {cell: RunDirectory(path / f"{cell[0]}/seed{cell[1]}") for cell in cells})
    return path


def test_the_command_writes_the_same_page_twice(finished: Path, call: Call, tmp_path: Path) -> None:
    run = copies(finished, tmp_path, "run") / "run"
    said = call("report", run)
    assert said.code == 0, said.err
    first = (run / "report.html").read_bytes()
    assert call("report", run, "--out", tmp_path / "other.html", "--json").json == {
        "report": str(tmp_path / "other.html"),
        "bytes": len(first),
    }
    assert (tmp_path / "other.html").read_bytes() == first
    assert call("verify", run).code == 0


@pytest.mark.parametrize("place", ["", "nowhere", "empty"])
def test_what_is_no_run_is_refused(place: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = call("report", tmp_path / place)
    assert said.code == ConfigError.exit_code
    assert "no run here" in said.err
    assert "hint:" in said.err
    assert not list(tmp_path.rglob("report.html*"))


def test_a_place_that_is_no_file_is_refused(finished: Path, call: Call, tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "no" / "page.html"):
        said = call("report", finished, "--out", out)
        assert said.code == ConfigError.exit_code, out
        assert "no place for a file" in said.err


def test_a_run_with_nothing_committed_is_refused_alone_and_left_out_in_company(
    finished: Path, tmp_path: Path
) -> None:
    copies(finished, tmp_path, "a", "b")
    for folder in (tmp_path / "b").glob("gen_*"):
        shutil.rmtree(folder)
    with pytest.raises(ConfigError, match="nothing is committed"):
        read_contents(tmp_path / "b")
    contents = read_contents(tmp_path)
    assert [arm.name for arm in contents.arms] == ["a"]
    assert contents.left_out == ["b"]
    assert b"nothing committed yet: b." in draw_report(tmp_path)


def test_a_run_that_is_not_complete_says_so(copy_of_finished: Path) -> None:
    assert b"Not complete" not in draw_report(copy_of_finished)
    shutil.rmtree(copy_of_finished / "gen_001")
    assert b"Not complete: 1 of 2 generations" in draw_report(copy_of_finished)


@pytest.mark.parametrize("name", ["gen_001/grid.npz", "judge/judge.json", "reference/audit.json"])
def test_a_broken_file_is_named(name: str, copy_of_finished: Path) -> None:
    (copy_of_finished / name).write_bytes(b"broken")
    with pytest.raises(CorruptError, match=Path(name).name):
        draw_report(copy_of_finished)


def test_verdicts_of_classes_that_are_not_there_are_refused(copy_of_finished: Path) -> None:
    path = copy_of_finished / "gen_000" / "grid.npz"
    write_npz(path, arr_0=np.zeros((2, 4, 4, 3), np.uint8), arr_1=np.array([0, 10]))
    with pytest.raises(CorruptError, match="verdicts"):
        draw_report(copy_of_finished)


def test_runs_in_a_folder_are_arms_and_seeds_of_one_config_are_one_arm(
    finished: Path, tmp_path: Path
) -> None:
    copies(finished, tmp_path, "mix/seed3", "mix/seed4", "alone", "other-seed3")
    config = tmp_path / "mix/seed4/config.yaml"
    config.write_text(config.read_text().replace("seed: 3", "seed: 4"))
    (tmp_path / "mix/seed4/manifest.json").unlink()
    contents = read_contents(tmp_path)
    named = [(arm.name, [chain.seed for chain in arm.chains]) for arm in contents.arms]
    assert named == [("alone", [3]), ("other", [3]), ("mix", [3, 4])]
    assert contents.seeds == [3, 4]


def test_runs_whose_shared_names_clash_keep_their_own(finished: Path, tmp_path: Path) -> None:
    copies(finished, tmp_path, "a-seed0", "a-seed1")
    assert [arm.name for arm in read_contents(tmp_path).arms] == ["a-seed0", "a-seed1"]


def test_labs_of_an_ecosystem_share_the_generations_of_their_web(
    finished: Path, tmp_path: Path
) -> None:
    copies(finished, tmp_path, "first", "late")
    seats = "{name: first, share: 1.0, starts: 0}, {name: late, share: 1.0, starts: 1}"
    for name in ("first", "late"):
        path = tmp_path / name / "config.yaml"
        lab = f"lab: {{name: {name}, web: [{seats}]}}"
        path.write_text(path.read_text().replace("lab: null", lab))
        (tmp_path / name / "manifest.json").unlink()
    assert [chain.starts for chain in read_contents(tmp_path).chains] == [0, 1]
    page = draw_report(tmp_path)
    assert b'max="2"' in page
    assert page.count(b'data-generation="2"') == 1


def test_a_study_is_read_from_its_tables_and_grids_from_its_cells(study: Path) -> None:
    contents = read_contents(study)
    assert [arm.name for arm in contents.arms] == ["replace", "mix"]
    assert contents.seeds == [0, 1]
    assert {mean.chains for arm in contents.arms for mean in arm.means} == {2}
    with_grids = draw_report(study)
    assert with_grids.count(b"data:image/png") == 2 * 2 * 2
    assert b"mean over chains" in with_grids
    for arm in ("replace", "mix"):
        shutil.rmtree(study / arm)
    without = draw_report(study)
    assert b"data:image/png" not in without
    assert b"made from tables" in without


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("study.csv", None, ConfigError, "no study.csv yet"),
        ("summary.csv", "arm\n", CorruptError, "other columns"),
        ("counts.csv", "arm,seed,class,count\nreplace,x,a,1\n", CorruptError, "whole number"),
        ("counts.csv", "arm,seed,class,count\nreplace,0,a\n", CorruptError, "row 2"),
        ("counts.csv", "arm,seed,class,count\n", CorruptError, "no counts of arm replace"),
    ],
)
def test_tables_that_are_not_those_of_a_study_are_refused(
    study: Path, name: str, content: str | None, error: type[Exception], says: str
) -> None:
    (study / name).unlink()
    if content is not None:
        (study / name).write_text(content)
    with pytest.raises(error, match=says):
        draw_report(study)


def test_nothing_but_the_page_itself_is_allowed_in_it(study: Path) -> None:
    page = Page(draw_report(study))
    policy = next(
        str(attributes["content"])
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        text = page.texts[tag][-1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "action", "srcset"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    assert not re.search(r"(?i)url\(|@import|https?://", page.texts["style"][-1])


def test_json_in_a_script_element_comes_back_and_cannot_end_it() -> None:
    odd = {
        "</script><!--": [
            "<img>",
            "a&b",
            "\u2028",
            "é\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        ]
    }
    text = embedded_json(odd)
    assert json.loads(text) == odd
    assert not set("<>&\u2028") & set(text)


def test_a_sprite_holds_its_tiles_over_exact_marks_in_all_colours_and_in_few(
    tmp_path: Path,
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    verdicts = np.array([1, -1, 0, 1, 2])
    chain = grid_chain(tmp_path, images, verdicts)
    exact, coarse = (draw_sprite(chain, 0, one) for one in (FULL, FEW))
    assert exact.counts == coarse.counts == (1, 2, 1, 1)
    assert (exact.columns, exact.step) == (3, (34, 37))
    pixels, few = (
        np.array(Image.open(io.BytesIO(one.png)).convert("RGBA")) for one in (exact, coarse)
    )
    assert pixels.shape == few.shape == (exact.height, exact.width, 4)
    colours = [*class_colours(3), REJECT_COLOUR]
    for place, image in enumerate((2, 0, 3, 4, 1)):
        top, left = place // 3 * 37, place % 3 * 34
        assert np.array_equal(pixels[top : top + 32, left : left + 32, :3], images[image])
        mark = tuple(bytes.fromhex(colours[verdicts[image]][1:]))
        for one in (pixels, few):
            assert {
                tuple(row) for row in one[top + 32 : top + 35, left : left + 32, :3].reshape(-1, 3)
            } == {mark}
    assert (pixels[:, 32:34, 3] == 0).all()
    assert np.array_equal(pixels[..., 3], few[..., 3])
    assert np.abs(pixels.astype(int) - few).mean() < 20
    assert Image.open(io.BytesIO(coarse.png)).mode == "P"


def test_large_images_are_made_smaller_by_a_whole_number(tmp_path: Path) -> None:
    images = np.zeros((1, 130, 100, 1), np.uint8)
    sprite = draw_sprite(grid_chain(tmp_path, images, np.array([0])), 0, FULL)
    assert sprite.shrunk == 3
    assert (sprite.width, sprite.height) == (34, 44 + 4)


def test_sprites_are_as_fine_as_the_budget_lets_them(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (64, 16, 16, 3), np.uint8)
    chain = grid_chain(tmp_path, images, np.zeros(64, np.int64))
    other = Chain("b", 1, chain.classes, chain.initial_counts, chain.scores, chain.run)
    sizes = [len(draw_sprite(chain, 0, one).png) for one in LADDER]
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3]
    for step, size in enumerate(sizes[:-1]):
        drawn, fineness = draw_sprites([chain, other], 0, 2 * size)
        assert (fineness, len(drawn)) == (LADDER[step], 2)
    drawn, fineness = draw_sprites([chain, other], 0, 10)
    assert (fineness, list(drawn)) == (LADDER[-1], [(".", 0)])


@pytest.mark.long
def test_twenty_generations_of_three_arms_fit_in_15_megabytes(
    copy_of_finished: Path, tmp_path: Path
) -> None:
    """Noise, which compresses worst, at 32×32."""
    random = np.random.default_rng(2)
    run = copy_of_finished
    template = json.loads((run / "gen_001" / "scores.json").read_text())
    for number in range(20):
        folder = run / f"gen_{number:03d}"
        if not folder.exists():
            shutil.copytree(run / "gen_001", folder)
        for score in template:
            score["generation"] = number
        (folder / "scores.json").write_text(json.dumps(template))
        images = random.integers(0, 256, (64, 32, 32, 3), np.uint8)
        write_npz(folder / "grid.npz", arr_0=images, arr_1=random.integers(-1, 10, 64))
    copies(run, tmp_path / "arms", "a", "b", "c")
    page = draw_report(tmp_path / "arms")
    assert page.count(b"data:image/png") == 60
    assert len(page) < 15e6


def grid_chain(folder: Path, images: NDArray[np.uint8], verdicts: NDArray[np.int64]) -> Chain:
    """A chain of one generation whose folder holds nothing but this grid."""
    from imgcollapse.scores import Score

    (folder / "gen_000").mkdir()
    write_npz(folder / "gen_000" / "grid.npz", arr_0=images, arr_1=verdicts)
    score = Score(0, "reject", "", "", 0.0, 0.0, 0.1, 5, "abc")
    counts = np.array([9, 5, 1])
    return Chain(".", 0, ("a", "b", "c"), counts, [score], RunDirectory(folder))


def test_every_source_that_a_sentence_may_cite_is_in_the_bibliography_and_the_reverse() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in ROOM.glob("*.py"))
    cited = {key.lstrip("@") for group in CITATION.findall(code) for key in group.split(";")} - {
        "key"
    }
    assert cited == set(sources())
    assert sources()["shumailov2024"].name == "Shumailov et al., 2024"
    assert sources()["dowson1982"].name == "Dowson and Landau, 1982"
    assert sources()["hill1973"].name == "Hill, 1973"
    text = BIBLIOGRAPHY.read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    assert "".join(one.bibtex + "\n" for one in sources().values()).strip() == text.strip()


def test_a_citing_text_as_words_as_latex_and_its_sources() -> None:
    text = CitingText()
    text.begin()
    text.add("Half (50 %) & a_b [@hill1973;@wilson1927].", "", "16×16 {x}.")
    text.begin()
    text.add("End.")
    assert text.as_text() == ("Half (50 %) & a_b (Hill, 1973; Wilson, 1927). 16×16 {x}.\n\nEnd.")
    assert text.as_latex() == (
        "Half (50 \\%) \\& a\\_b \\citep{hill1973,wilson1927}. 16$\\times$16 \\{x\\}.\n\nEnd."
    )
    assert [line[: line.index(",")] for line in text.as_bibtex().split("\n\n")] == [
        "@article{wilson1927",
        "@article{hill1973",
    ]
    assert listed(["a"]) == "a"
    assert listed("abc") == "a, b and c"
    assert listed([]) == ""


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"preset": "replace"}, "held only the samples of the generation before"),
        (
            {"preset": "mix"},
            "held the real images of the first pool and the samples of the generation before, "
            "50 % of it real, thinned to the size of the first pool [@bertrand2024]",
        ),
        ({"preset": "real-only"}, "held the real images of the first pool"),
        (
            {"real": "fresh", "window": 3, "cap": 100, "subsample": "class-stratified"},
            "held as many new real images and the samples of the last 3 generations, thinned to "
            "100 images in the shares of its classes [@alemohammad2024mad]",
        ),
        (
            {"real": "hoarded", "hoarded_until": 2, "window": "all", "cap": "none"},
            "held the real images of the first pool before generation 2 and the samples of all "
            "generations before",
        ),
    ],
)
def test_policies_in_words(policy: dict[str, object], says: str) -> None:
    assert setting_words.policy_words(PolicyConfig.model_validate(policy)) == says


def test_every_shipped_config_has_words() -> None:
    """No kind, sampler, source or repair that a config may name is without its sentence."""
    for path in list_configs():
        config = load_config(path)
        sentences = [
            setting_words.data_words(config),
            setting_words.generator_words(config),
            setting_words.training_words(config),
            setting_words.sampling_words(config),
            setting_words.policy_words(config.policy),
            setting_words.remedy_words(config.policy),
        ]
        assert not re.search(r"None|\{|\}", " ".join(sentences)), path
    assert {"accumulate", "accumulate-subsample", "mix"} == set(setting_words.PRESETS) & set(
        PRESETS
    )


def test_the_methods_say_what_was_done(study: Path, finished: Path) -> None:
    text = methods(read_contents(finished)).as_text()
    for words in (
        "(Shumailov et al., 2024)",
        "at 16×16 pixels, in 10 classes",
        "60 of the most common class and 6 of the rarest",
        "a bootstrap that copies images of its pool",
        "Each later pool held only the samples of the generation before.",
        "We scored 60 samples of each generation",
        "Audit of the sampler: passes; this generator draws without a sampler of steps.",
        "one observation, not an estimate",
    ):
        assert words in text
    assert "learning rate" not in text
    assert (
        "over the 2 chains of each arm (2 arms, seeds 0 and 1)"
        in methods(read_contents(study)).as_text()
    )


def test_methods_and_provenance_tell_what_networks_multiplied(copy_of_finished: Path) -> None:
    (copy_of_finished / "manifest.json").unlink()
    path = copy_of_finished / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["generator"] = {"kind": "diffusion", "network": "unet"}
    settings["training"]["precision"] = "bf16"
    path.write_text(yaml.safe_dump(settings))
    contents = read_contents(copy_of_finished)
    assert "; networks multiplied in bfloat16." in methods(contents).as_text()
    (arm,) = provenance(contents)
    recorded = RunDirectory(copy_of_finished).environment()["bf16"]
    assert f"bf16: {recorded}" in dict(arm["facts"])["device"]


def test_the_methods_name_what_the_arms_differ_in(finished: Path, tmp_path: Path) -> None:
    copies(finished, tmp_path, "a", "b")
    path = tmp_path / "b" / "config.yaml"
    text = path.read_text().replace("num_max: 60", "num_max: 80").replace("last", "all")
    path.write_text(text.replace("preset: replace", "preset: null"))
    (tmp_path / "b" / "manifest.json").unlink()
    words = methods(read_contents(tmp_path)).as_text()
    assert (
        "in arm a it held only the samples of the generation before; in arm b it held only the "
        in words
    )
    assert "The arms also differ in profile.num_max (a: 60, b: 80)." in words


def test_dark_classes_are_lighter_on_dark_pages_only() -> None:
    paints = class_paints(10)
    assert [one for one in paints if one in COLOURS] == [
        one for one in COLOURS if contrast(one, DARK_CARD) >= 3
    ]
    css = (Path(paint.__file__).parent / "page.css").read_text(encoding="utf-8")
    assert f"--card: {DARK_CARD.lower()}" in css
    for colour, said in zip(COLOURS, paints, strict=True):
        light, dark = said.removeprefix("light-dark(").rstrip(")").split(", ") * (
            1 if said != colour else 2
        )
        assert light == colour
        assert contrast(dark, DARK_CARD) >= 3


@pytest.mark.parametrize(
    ("kinds", "words"),
    [(["diffusion"], "noise"), (["bootstrap"], "random numbers"),
     (["vae", "bootstrap"], "random numbers"), ([None], "noise")],
)  # fmt: skip
def test_what_all_generations_share_is_said_as_it_is(kinds: list[str | None], words: str) -> None:
    chains = [
        SimpleNamespace(config=kind and SimpleNamespace(generator=SimpleNamespace(kind=kind)))
        for kind in kinds
    ]
    assert drawn_from(SimpleNamespace(chains=chains)) == words  # type: ignore[arg-type]
