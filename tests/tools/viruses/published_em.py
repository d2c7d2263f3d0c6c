"""Virtool's reassignment as published, in plain Python, one read after the other: what the fast one must equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Table:
    reads: list[float]
    best: list[float]
    high: list[float]
    low: list[float]


@dataclass
class Result:
    pi: list[float]
    initial_pi: list[float]
    theta: list[float]
    final: Table
    initial: Table
    kept: list[bool]
    iterations: int
    #: Posteriors of the multi reads at the end and at the start, for tests that stay away from ties.
    posteriors: list[list[float]]


def reassign(
    alignments: Sequence[tuple[int, int, float]],
    references: int,
    *,
    max_iterations: int = 50,
    epsilon: float = 1e-7,
    pi_prior: float = 0.0,
    theta_prior: float = 0.0,
    cutoff: float = 0.01,
) -> Result:
    """(read, reference, score) in the order of the SAM."""
    hits: dict[int, dict[int, float]] = {}
    largest = smallest = 0.0
    for read, reference, score in alignments:
        largest, smallest = max(largest, score), min(smallest, score)
        hits.setdefault(read, {}).setdefault(reference, score)

    span = largest - smallest
    factor = 100.0 / span if span else 0.0
    unique: dict[int, tuple[int, float]] = {}
    multi: dict[int, dict[str, Any]] = {}
    for read, own in hits.items():
        scaled = [float(np.exp((score - smallest) * factor)) for score in own.values()]
        if len(own) == 1:
            unique[read] = (next(iter(own)), scaled[0])
        else:
            total = sum(scaled)
            multi[read] = {
                "refs": list(own),
                "scores": scaled,
                "posterior": [score / total for score in scaled],
                "weight": max(scaled),
            }

    starts = [entry["posterior"] for entry in multi.values()]
    initial = _table(unique, multi, references, len(hits))
    settled = [0.0] * references
    for reference, weight in unique.values():
        settled[reference] += weight
    unique_total = sum(weight for _, weight in unique.values())
    multi_total = sum(entry["weight"] for entry in multi.values())
    heaviest = max([weight for _, weight in unique.values()] + [entry["weight"] for entry in multi.values()])
    pi_extra, theta_extra = pi_prior * heaviest, theta_prior * heaviest

    pi = theta = [1 / references] * references
    initial_pi: list[float] = []
    iterations = 0
    while iterations < max_iterations:
        iterations += 1
        sums = [0.0] * references
        for entry in multi.values():
            products = [
                pi[ref] * theta[ref] * score
                for ref, score in zip(entry["refs"], entry["scores"], strict=True)
            ]
            total = sum(products)
            entry["posterior"] = [product / total if total else 0.0 for product in products]
            for ref, share in zip(entry["refs"], entry["posterior"], strict=True):
                sums[ref] += share * entry["weight"]
        before = pi
        whole = unique_total + multi_total + pi_extra * references
        pi = [(sums[ref] + settled[ref] + pi_extra) / whole for ref in range(references)]
        whole = (multi_total or 1.0) + theta_extra * references
        theta = [(sums[ref] + theta_extra) / whole for ref in range(references)]
        if iterations == 1:
            initial_pi = pi
        if sum(abs(a - b) for a, b in zip(before, pi, strict=True)) <= epsilon or len(multi) <= 1:
            break

    kept = []
    for read, reference, _ in alignments:
        if read in unique:
            kept.append(True)
        else:
            entry = multi[read]
            kept.append(entry["posterior"][entry["refs"].index(reference)] >= cutoff)
    final = _table(unique, multi, references, len(hits))
    posteriors = [*starts, *(entry["posterior"] for entry in multi.values())]
    return Result(pi, initial_pi, theta, final, initial, kept, iterations, posteriors)


def _table(
    unique: dict[int, tuple[int, float]], multi: dict[int, dict[str, Any]], references: int, reads: int
) -> Table:
    best, high, low = [0.0] * references, [0.0] * references, [0.0] * references
    for reference, _ in unique.values():
        best[reference] += 1
        high[reference] += 1
    for entry in multi.values():
        top = max(entry["posterior"])
        tied = [ref for ref, share in zip(entry["refs"], entry["posterior"], strict=True) if share == top]
        for reference in tied:
            best[reference] += 1 / len(tied)
            if top >= 0.5:
                high[reference] += 1
            elif top >= 0.01:
                low[reference] += 1
    return Table(best, *([value / reads for value in column] for column in (best, high, low)))
