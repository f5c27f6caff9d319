"""Years of candidates whose true gain is known, judged by our gate and by common ones."""
