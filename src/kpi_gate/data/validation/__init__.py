"""What rows must satisfy, and Great Expectations, which asks it of them; no other room has it."""
