"""The loop: edits in, prediction blocks and status out. No Qt, no napari; torch only in workers."""
