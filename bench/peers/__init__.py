"""What people use today for a dense segmentation from a few painted slices."""
