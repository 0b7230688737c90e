"""Write what is amiss: ``python -m bad_values [START [FILE]]``.

``START`` is how the full names begin, ``genbook.models.flows`` for instance.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bad_values.report import sweep, text

found = text(*sweep(*sys.argv[1:2]))
print(found, end="")
for file in sys.argv[2:]:
    Path(file).write_text(found, "utf-8")
