"""Distances between sets of images, by the classifier's features or by their pixels."""

import math

import torch


def frechet_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """|mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2)) of two sets of features [N, F].

    Heusel et al. 2017, section 2, with the classifier's features for Inception's. The root's trace
    is the sum of the roots of A B's eigenvalues, which are real and not negative.
    """
    a, b = a.double(), b.double()
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    root = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    return float(gap + cov_a.trace() + cov_b.trace() - 2 * root)


def frechet_floor(real: torch.Tensor, held_out: torch.Tensor, size: int, draws: int = 5) -> dict:
    """What `size` real images score against the same held-out set: mean and deviation."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.tensor(
        [
            frechet_distance(real[torch.randperm(len(real), generator=generator)[:size]], held_out)
            for _ in range(draws)
        ]
    )
    return {"mean": scores.mean().item(), "deviation": scores.std().item()}


def mean_pairwise_distance(features: torch.Tensor, labels: torch.Tensor | None = None) -> float:
    """Euclidean, over all pairs, or over those of one label."""
    groups = [features] if labels is None else [features[labels == x] for x in labels.unique()]
    distances = [torch.pdist(group) for group in groups if len(group) > 1]
    return torch.cat(distances).mean().item()


def nearest(queries: torch.Tensor, references: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Root-mean-square pixel distance to the nearest of `references` (u8), and its index."""
    best = torch.full((len(queries),), math.inf)
    index = torch.zeros(len(queries), dtype=torch.long)
    flat = queries.flatten(1)
    start = 0
    for chunk in references.split(10_000):
        near = torch.cdist(flat, chunk.flatten(1).float().div(127.5).sub(1)).min(1)
        closer = near.values < best
        best[closer], index[closer] = near.values[closer], near.indices[closer] + start
        start += len(chunk)
    return best / math.sqrt(flat.shape[1]), index


def entropy(labels: torch.Tensor) -> float:
    """Of the labels' shares [N], in bits."""
    shares = labels.bincount().float() / len(labels)
    shares = shares[shares > 0]
    return float(-(shares * shares.log2()).sum())


def psnr(seen: torch.Tensor, images: torch.Tensor) -> float:
    """Decibels of the mean squared error over all images, whose values lie in [-1, 1]."""
    return (10 * torch.log10(4 / (seen - images).square().mean())).item()
