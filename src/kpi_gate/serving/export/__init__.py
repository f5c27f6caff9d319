"""Make an export of a champion: heavy, at promotion; the process that answers imports none of it.

`make` writes the folder, `compiling` turns estimators into steps, `preparing` what stands before
them, `functions` the owner's value and rule of thumb into source, `reference` decides as the
library does, and `equality` holds both against each other.
"""

from kpi_gate.serving.export.make import make_export as make_export
