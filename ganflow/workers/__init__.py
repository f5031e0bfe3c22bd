"""Several processes that train one run together, on one machine or on many.

`cluster` says who they are, `meeting` brings them together, `pulse` notices who has gone, `group`
is what one of them asks and tells the others, `launching` starts them on one machine. All of it
goes over TCP beside TensorFlow's own connections, and needs no TensorFlow. Imports base alone.
"""

from ganflow.workers.cluster import Cluster
from ganflow.workers.group import ALONE, Group, joined

__all__ = ["ALONE", "Cluster", "Group", "joined"]
