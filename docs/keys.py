"""Renew the documentation's table of keys from the one that the window goes by: `make docs`."""

from __future__ import annotations

from pathlib import Path

from napari_densify.ui.actions import key_table

PAGE = Path(__file__).parent / "guide.md"
BEGIN, END = "<!-- keys: written by docs/keys.py -->\n\n", "\n\n<!-- end of keys -->"


def main() -> None:
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}{key_table()}{END}{after}")


if __name__ == "__main__":
    main()
