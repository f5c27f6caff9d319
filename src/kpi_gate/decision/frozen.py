"""The base of results and settings: what is said once does not change."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A record: immutable, and a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
