"""Write what is amiss: ``python -m bad_values [START [FILE]]``.

``START`` is how the full names begin, ``genbook.models.flows`` for instance.
``python -m bad_values --record [FILE ...]`` records what the calls of files give, or of
all files, ``models/flows/flow.py`` for instance.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bad_values import recorded
from bad_values.report import sweep, text

if sys.argv[1:2] == ["--record"]:
    recorded.record(sys.argv[2:])
else:
    found = text(*sweep(*sys.argv[1:2]))
    print(found, end="")
    for file in sys.argv[2:]:
        Path(file).write_text(found, "utf-8")
