"""What can go wrong while somebody paints, case by case; the suite and the benchmark share it."""
