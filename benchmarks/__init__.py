"""What this project is measured against. Run from the root of the tree; never installed."""
