"""How trees grow beyond what tf.estimator's had arguments for."""

from __future__ import annotations

import dataclasses
from typing import final


@final
@dataclasses.dataclass(frozen=True)
class TreeOptions:
    """What tf.estimator's trees had no argument for; for runs that read all rows in one pass.

    Example:
        >>> TreeOptions()
        TreeOptions()
    """
