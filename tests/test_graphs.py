"""When a function is captured as a CUDA graph, replayed or given up: what a CPU can show of it.

The device is a stand-in here; that real graphs give what plain calls give is in tests/test_gpu.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from imgcollapse.training.graphs import WARM_UP, Graphed


class Stream:
    def wait_stream(self, other: Stream) -> None:
        assert isinstance(other, Stream)


class Graph:
    """Replays by calling what was captured with the tensors that it was captured with."""

    graphed: Graphed
    replays = 0

    def replay(self) -> None:
        Graph.replays += 1
        assert Graph.graphed.output is not None
        Graph.graphed.output.copy_(Graph.graphed.function(*Graph.graphed.inputs))


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """CUDA's streams and graphs by these stand-ins; how often a capture was begun."""
    begun: list[str] = []

    @contextlib.contextmanager
    def capture(graph: Graph, capture_error_mode: str) -> Iterator[None]:
        begun.append(capture_error_mode)
        yield

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    Graph.replays = 0
    return begun


def double(x: Tensor) -> Tensor:
    return 2 * x


def test_calls_are_captured_after_a_warm_up_and_replayed_from_then_on(captures: list[str]) -> None:
    Graph.graphed = graphed = Graphed(double)
    found = [graphed(torch.full((3,), float(number))) for number in range(WARM_UP + 3)]
    assert captures == ["thread_local"]
    assert Graph.replays == 3
    for number, one in enumerate(found):  # each its own tensor, which no later call overwrites
        assert torch.equal(one, torch.full((3,), 2.0 * number))


def test_other_shapes_are_called_as_they_are(captures: list[str]) -> None:
    Graph.graphed = graphed = Graphed(double)
    for _ in range(WARM_UP + 1):
        graphed(torch.ones(3))
    assert torch.equal(graphed(torch.ones(2)), torch.full((2,), 2.0))
    assert (captures, Graph.replays) == (["thread_local"], 1)


def test_what_cannot_be_captured_goes_on_call_by_call_and_says_so_once(
    captures: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextlib.contextmanager
    def refuses(*_: Any, **__: Any) -> Iterator[None]:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")
        yield

    monkeypatch.setattr(torch.cuda, "graph", refuses)
    graphed = Graphed(double)
    for number in range(WARM_UP + 4):
        assert torch.equal(graphed(torch.full((3,), float(number))), torch.full((3,), 2.0 * number))
    said = capsys.readouterr().err
    assert said.count("\n") == said.count("warning: no CUDA graph") == 1
    assert Graph.replays == 0
