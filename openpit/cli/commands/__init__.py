"""One module per command of `openpit`; each defines its click command as ``command``."""
