"""How the docs become a site: `make docs` builds it, and a warning is an error."""

from importlib import metadata

project = "openpit-sharded"
author = "the developers of openpit-sharded"
release = metadata.version("openpit-sharded")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False
html_copy_source = False

myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # the README's sections begin below its title, as they should

autodoc_default_options = {
    "members": True,
    # Of users' own kind; what a tuple, an enum or an exception of Python can do, Python says.
    "inherited-members": "object,tuple,str,int,Enum,StrEnum,BaseException,Exception,ABC",
    "show-inheritance": False,
}
autodoc_member_order = "bysource"
autoclass_content = "both"  # a constructor says what it raises where its class does not
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
