"""``thresher compare``: two exported models on the same rows, and labels where they disagree."""
