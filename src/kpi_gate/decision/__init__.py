"""WHETHER: from money per decision to a verdict. Pure, imports no tool, does no I/O."""
