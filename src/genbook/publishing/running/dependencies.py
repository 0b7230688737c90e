"""What a chapter's outputs depend on: its own part of the key, from its cells.

The rest (modules, data files, versions) is :mod:`genbook.course.fingerprint`'s. Prose,
captions and alternative texts are no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from IPython.core.inputtransformer2 import TransformerManager

from genbook.course.fingerprint import Code, Imports, imports_of

# Tags that change what is executed; every other tag only changes what is shown.
EXECUTION_TAGS = frozenset({"raises-exception", "skip-execution"})


def read_cells(cells: Iterable[tuple[str, Sequence[str]]]) -> Code:
    """Digest a chapter's code cells.

    Args:
        cells: Source and tags of each code cell, in order.

    Returns:
        The digest of what is executed, and the imports of all cells.
    """
    imports, executed = Imports(), []
    for source, tags in cells:
        executed.append([source, sorted(EXECUTION_TAGS.intersection(tags))])
        python = TransformerManager().transform_cell(source)  # magics become calls
        imports |= imports_of(python)
    return Code(hashlib.sha256(json.dumps(executed).encode()).hexdigest(), imports)
