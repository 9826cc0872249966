"""What a recording costs, beside the same recording made by other programs."""
