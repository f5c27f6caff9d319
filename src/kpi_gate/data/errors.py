"""How a table can be refused before anything compares it."""


class FrameError(ValueError):
    """A table holds what cannot be read; the message names column, row and what to do.

    Attributes:
        check: Name of the rule that it breaks.
    """

    def __init__(self, check: str, reason: str) -> None:
        super().__init__(reason)
        self.check = check
