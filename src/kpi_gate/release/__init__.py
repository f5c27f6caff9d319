"""How a champion changes: promotion, rollback, review; written ahead, safe in a crash."""
