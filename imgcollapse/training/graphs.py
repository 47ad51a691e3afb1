"""Functions of tensors as CUDA graphs: one launch in place of hundreds."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3
"""Calls before the capture, in which libraries pick and allocate what a graph cannot."""


class Graphed:
    """A function of tensors of fixed shapes on CUDA, captured at its fourth call.

    It may change tensors of its own in place, but draws no random numbers and waits for nothing.
    Where the capture fails, it goes on call by call, with one line of warning.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: list[Tensor] = []
        self.shapes: list[torch.Size] = []
        self.output: Tensor | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        self.calls += 1
        if self.calls <= WARM_UP:
            return self._aside(inputs)
        if self.calls == WARM_UP + 1:
            self._capture(inputs)
        shapes = [one.shape for one in inputs]
        if self.graph is None or self.output is None or shapes != self.shapes:
            return self.function(*inputs)
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given)
        self.graph.replay()
        return self.output.clone()

    def _aside(self, inputs: tuple[Tensor, ...]) -> Tensor:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            output = self.function(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return output

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        self.inputs = [one.clone() for one in inputs]
        self.shapes = [one.shape for one in inputs]
        graph = torch.cuda.CUDAGraph()
        try:
            # Beside this thread one may be pinning the rows of the next batches.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self.output = self.function(*self.inputs)
        except RuntimeError as error:
            says = str(error).partition("\n")[0]
            print(f"warning: no CUDA graph, which is slower: {says}", file=sys.stderr)
            return
        self.graph = graph
