"""The napari plugin: Qt and napari; knows `session` and `cases`, never torch."""
