"""On what terms the images of each source may be used, as far as that is known."""

from __future__ import annotations

from dataclasses import dataclass

from imgcollapse.config import SourceName


@dataclass(frozen=True)
class Terms:
    """Who made the images, and their licence.

    ``stated`` is whether who made them states it; ``note`` says what is not known.
    """

    made_by: str
    licence: str
    stated: bool
    note: str = ""

    def sentence(self) -> str:
        """The terms in one line."""
        return f"{self.made_by}. Licence: {self.licence}." + (f" {self.note}" if self.note else "")


TERMS: dict[SourceName, Terms] = {
    "kennel": Terms(
        "drawn by imgcollapse; no photographs, no people",
        "MIT, as imgcollapse itself",
        True,
    ),
    "digits": Terms(
        "Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning "
        "Repository (doi:10.24432/C50P49); the copy that comes with scikit-learn",
        "CC BY 4.0",
        True,
    ),
    "mnist": Terms(
        "LeCun, Cortes and Burges, made from NIST Special Databases 1 and 3",
        "commonly stated as CC BY-SA 3.0",
        False,
        "The files themselves carry no licence.",
    ),
    "fashion-mnist": Terms("Xiao, Rasul and Vollgraf 2017, Zalando SE", "MIT", True),
    "cifar10": Terms(
        "Krizhevsky 2009, photographs from the web, a labelled part of 80 Million Tiny Images",
        "none stated; the page asks for a citation",
        False,
        "Its authors withdrew 80 Million Tiny Images in 2020. Rights in the photographs are not "
        "known.",
    ),
    "cifar100": Terms(
        "Krizhevsky 2009, photographs from the web, a labelled part of 80 Million Tiny Images",
        "none stated; the page asks for a citation",
        False,
        "Its authors withdrew 80 Million Tiny Images in 2020. Rights in the photographs are not "
        "known.",
    ),
    "svhn": Terms(
        "Netzer and others 2011, house numbers from street photographs",
        "for non-commercial use only, as its page says",
        True,
    ),
    "files": Terms(
        "the user's own files", "not known to the lab", False, "Whoever has them must say."
    ),
}
