"""Who the workers are: their addresses, the chief's first, and which of them this process is."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence

from ganflow.base.errors import InputError

_ADDRESS = re.compile(r"[\w.\-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """All workers of a run, as one of them knows them.

    Attributes:
      addresses: "host:port" of each, where its TensorFlow listens; the first is the chief's.
      index: this process's place among them.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def meeting(self) -> tuple[str, int]:
        """Where the chief waits for the others: its host, and the port before its own."""
        host, _, port = self.addresses[0].rpartition(":")
        return host.strip("[]"), int(port) - 1

    def name(self, index: int) -> str:
        """A worker as messages name it."""
        chief = ", the chief" if index == 0 else ""
        return f"worker {index}{chief} ({self.addresses[index]})"


def from_tf_config(environment: Mapping[str, str]) -> Cluster | None:
    """The workers of `TF_CONFIG`; None where it is not set, or names one process alone.

    Args:
      environment: `os.environ`.

    Raises:
      InputError: it cannot be understood, or names processes that are no workers.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        told = json.loads(text)
        jobs, task = told["cluster"], told["task"]
        chiefs, others = list(jobs.get("chief", [])), list(jobs.get("worker", []))
        kind, index = task["type"], task["index"]
        strange = sorted(set(jobs) - {"chief", "worker"}) or [kind] * (kind not in jobs)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"TF_CONFIG: cannot be understood ({type(error).__name__}: {error}); expected "
            '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
        ) from error
    if strange or len(chiefs) > 1:
        found = ", ".join(f"{name!r:.80}" for name in strange) or "several chiefs"
        raise InputError(
            f"TF_CONFIG: found {found}; expected at most one chief and else workers: every "
            "process trains"
        )
    place = index + len(chiefs) * (kind == "worker") if type(index) is int else -1
    return of_addresses([*chiefs, *others], place, "TF_CONFIG")


def of_addresses(addresses: Sequence[str], index: int, origin: str) -> Cluster | None:
    """The same from a list; None of one address.

    Args:
      addresses: "host:port" each.
      index: this process's.
      origin: where they come from, for messages.

    Raises:
      InputError: something else is in it, one stands there twice, or the index is beyond its end.
    """
    for address in addresses:
        sound = isinstance(address, str) and _ADDRESS.fullmatch(address)
        if not sound or not 2 <= int(address.rpartition(":")[2]) <= 65_535:
            raise InputError(f"{origin}: {address!r} is no address; expected host:port")
    if len(set(addresses)) < len(addresses):
        raise InputError(f"{origin}: an address stands there twice: {', '.join(addresses)}")
    if not 0 <= index < len(addresses):
        raise InputError(f"{origin}: there is no worker {index} among {len(addresses)}")
    return Cluster(tuple(addresses), index) if len(addresses) > 1 else None


def as_tf_config(addresses: Sequence[str], index: int) -> str:
    """The text of `TF_CONFIG` for one of the workers."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})
