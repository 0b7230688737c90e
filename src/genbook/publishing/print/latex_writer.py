"""What the printed book looks like in LaTeX, node by node.

The environments stand in ``book/latex/genbook.sty``. Numbers are the website's.
"""

from __future__ import annotations

from genbook.publishing.print.latex_boxes import Boxes
from genbook.publishing.print.latex_floats import Floats
from genbook.publishing.print.latex_formulas import Formulas
from genbook.publishing.print.latex_objects import Objects


class BookTranslator(Formulas, Boxes, Floats, Objects):
    """Write the document with the environments of ``genbook.sty``."""
