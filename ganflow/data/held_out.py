"""What is set aside before any training: the same examples in every run, for they are judged by."""

import dataclasses

import numpy as np

from ganflow.data.dataset import Dataset

ONE_IN = 5  # of a data set that has no test split of its own
PART = "one in five, set aside before training by the data's hash"


def split(whole: Dataset) -> tuple[Dataset, Dataset | None]:
    """Training and held-out examples, chosen by the data's content alone; both in its order.

    One example in five of every class is held out, where there are classes and each has five, and
    one in five of each domain otherwise.

    Args:
      whole: a data set without a test split of its own.

    Returns:
      (train, held out); None of fewer than five examples, which leave nothing to hold out.
    """
    random = np.random.RandomState(int(whole.sha256[:8], 16))
    held_out = {domain: _chosen(whole, domain, random) for domain in whole.sizes}
    if not all(map(np.any, held_out.values())):
        return whole, None
    parts = [
        {field: array[held_out[whole.domain(field)] == of] for field, array in whole.fields.items()}
        for of in (False, True)
    ]
    train, test = (dataclasses.replace(whole, fields=fields, part="") for fields in parts)
    return train, dataclasses.replace(test, part=PART)


def _chosen(whole: Dataset, domain: str, random: np.random.RandomState) -> np.ndarray:
    """Which examples of a domain are held out, bool [n]."""
    order = random.permutation(whole.sizes[domain])
    chosen = np.zeros(len(order), bool)
    label = whole.label if whole.domain("label") == domain else None
    classes = [order] if label is None else [order[label[order] == k] for k in np.unique(label)]
    if min(map(len, classes), default=0) < ONE_IN:
        classes = [order]
    for members in classes:
        chosen[members[: len(members) // ONE_IN]] = True
    return chosen
