"""The host side of the link to a board; docs/reference/link.md has every byte."""
