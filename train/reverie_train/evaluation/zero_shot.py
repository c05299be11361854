"""What a CLIP sees: attributes read off pictures by captions alone, no classifier trained."""

import torch
from torch.nn import functional as F

from ..data import Attribute
from ..data.captions import Captions


def prototypes(
    embeddings: torch.Tensor, labels: torch.Tensor, named: torch.Tensor, attribute: Attribute
) -> torch.Tensor:
    """A direction for each value, [V, D]: the mean of the captions that name it.

    `embeddings` [N, D] are captions', of pictures with these `labels` [N] of the attribute; `named`
    [N] says whether the caption names it. Values that no caption names are nowhere: zero.
    """
    directions = F.normalize(embeddings[named].float())
    sums = torch.zeros(attribute.null, directions.shape[1], device=directions.device)
    return F.normalize(sums.index_add(0, labels[named], directions))


def accuracy(
    pictures: torch.Tensor, directions: torch.Tensor, labels: torch.Tensor, visible: torch.Tensor
) -> float:
    """The share of visible values [N] whose direction [V, D] is nearest to the picture's [N, D]."""
    seen = (F.normalize(pictures.float()) @ directions.T).argmax(1)
    return (seen == labels)[visible].float().mean().item()


def plain_prompts(captions: Captions, attribute: Attribute) -> list[str]:
    """One prompt for each value, that says nothing else."""
    return [captions.say({attribute.name: value}) for value in attribute.values]
