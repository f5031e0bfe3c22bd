"""The project's pages as a site, `make docs`; as they stand they are Markdown for a forge."""

project = "ganflow"
html_title = project
html_theme = "furo"
extensions = ["myst_parser"]
root_doc = "docs/site/index"
include_patterns = ["README.md", "BUILD.md", "docs/**.md"]
myst_heading_anchors = 4  # links to headings, as a forge makes them
