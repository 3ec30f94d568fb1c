"""The result of an analysis, as plain values (`model`), how it is made from the machine (`build`), and the
sentences about it (`sentences`)."""
