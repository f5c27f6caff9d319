"""BEFORE YOU TRUST IT: the promotion policy, played on the use case's own history."""
