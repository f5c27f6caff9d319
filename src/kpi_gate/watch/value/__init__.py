"""What the champion in use earns, what it would earn, and what its staleness costs."""
